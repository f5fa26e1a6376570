//! How one input is made from others.

use fastrand::Rng;

/// Bytes at which parsers change their mind.
const EDGES: [u8; 16] = [0, 1, 2, 4, 5, 0x0a, b' ', b'%', b'.', b'0', b'9', b'"', 0x7f, 0x80, 0xfe, 0xff];

/// Varints around the ends of what a field, a length and a number hold.
const VARINTS: [&[u8]; 6] = [
    b"\x00",
    b"\x80\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
];

/// A new input from one of `pool`, which is not empty, of at most `max_bytes`.
pub(crate) fn mutate(rng: &mut Rng, pool: &[Vec<u8>], pieces: &[&[u8]], max_bytes: usize) -> Vec<u8> {
    // Late finds are near what has not been seen yet.
    let recent = pool.len().saturating_sub(16);
    let at = if rng.u8(..4) == 0 { rng.usize(recent..pool.len()) } else { rng.usize(..pool.len()) };
    let mut input = pool[at].clone();
    for _ in 0..1 << rng.u8(..4) {
        step(rng, &mut input, pool, pieces);
    }
    input.truncate(max_bytes);
    input
}

fn step(rng: &mut Rng, input: &mut Vec<u8>, pool: &[Vec<u8>], pieces: &[&[u8]]) {
    let at = rng.usize(..=input.len());
    match rng.u8(..10) {
        0 => change(input, at, |byte| *byte ^= 1 << rng.u8(..8)),
        1 => change(input, at, |byte| *byte = EDGES[rng.usize(..EDGES.len())]),
        2 => change(input, at, |byte| *byte = rng.u8(..)),
        3 => change(input, at, |byte| *byte = byte.wrapping_add(rng.u8(..5)).wrapping_sub(2)),
        4 => drop(input.drain(part(rng, input.len()))),
        5 => {
            let copy = input[part(rng, input.len())].to_vec();
            drop(input.splice(at..at, copy));
        }
        6 => {
            let other = &pool[rng.usize(..pool.len())];
            let copy = other[part(rng, other.len())].to_vec();
            let end = if rng.bool() { at } else { (at + copy.len()).min(input.len()) };
            drop(input.splice(at..end, copy));
        }
        7 => drop(input.splice(at..at, VARINTS[rng.usize(..VARINTS.len())].iter().copied())),
        8 if !pieces.is_empty() => {
            let piece = pieces[rng.usize(..pieces.len())];
            let end = if rng.bool() { at } else { (at + piece.len()).min(input.len()) };
            drop(input.splice(at..end, piece.iter().copied()));
        }
        _ => {
            let byte = rng.u8(..);
            // Mostly short, sometimes past the lengths at which parsers treat values differently.
            let count = if rng.u8(..64) == 0 { rng.usize(..8192) } else { rng.usize(1..4) };
            drop(input.splice(at..at, std::iter::repeat_n(byte, count)));
        }
    }
}

fn change(input: &mut [u8], at: usize, change: impl FnOnce(&mut u8)) {
    if let Some(byte) = input.get_mut(at) {
        change(byte);
    }
}

/// A part of something of this length, mostly a short one.
fn part(rng: &mut Rng, length: usize) -> std::ops::Range<usize> {
    let start = rng.usize(..=length);
    let most = if rng.u8(..4) == 0 { length } else { 8 };
    start..rng.usize(start..=length.min(start + most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_within_their_bound() {
        let inputs = |seed| {
            let mut rng = Rng::with_seed(seed);
            let mut pool = vec![vec![]];
            for _ in 0..2000 {
                let input = mutate(&mut rng, &pool, &[b"piece"], 100);
                assert!(input.len() <= 100);
                pool.push(input);
            }
            pool
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
