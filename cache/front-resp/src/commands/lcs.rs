//! The longest common subsequence of two strings.

use std::ops::RangeInclusive;

use bytes::Bytes;
use kura_commands::{Error, Item, ItemType};

use crate::call::{Answer, Call};
use crate::reply::{Failure, Out, Reply};

/// Most pairs of bytes, one of each string, that are compared: four bytes each are held meanwhile.
const MOST_PAIRS: usize = 4 << 20;
/// Pairs that are compared at once.
const PAIRS_AT_ONCE: usize = 100_000;

/// What is asked for.
#[derive(Clone, Copy, Default)]
struct Options {
    length: bool,
    places: bool,
    with_lengths: bool,
    shortest: usize,
}

impl Options {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut at = 2;
        while at < call.len() {
            match call.argument(at).to_ascii_uppercase().as_slice() {
                b"LEN" => options.length = true,
                b"IDX" => options.places = true,
                b"WITHMATCHLEN" => options.with_lengths = true,
                b"MINMATCHLEN" if at + 1 < call.len() => {
                    at += 1;
                    options.shortest = usize::try_from(call.integer(at)?).unwrap_or(0);
                }
                _ => return Err(Failure::syntax()),
            }
            at += 1;
        }
        if options.length && options.places {
            return Err(Failure::said("ERR If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

pub(crate) fn lcs(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let options = Options::of(call)?;
    call.authorize([call.key(), call.argument(1)])?;
    let text = |key| {
        let scalar = |item: Item<'_>| (item.item_type == ItemType::Scalar).then(|| item.value.to_bytes());
        match call.commands.look(&call.cache, key, call.now, scalar)? {
            Some(None) => Err(Failure::said("ERR The specified keys must contain string values")),
            found => Ok::<Bytes, Failure>(found.flatten().unwrap_or_default()),
        }
    };
    let (one, other) = (text(call.key())?, text(call.argument(1))?);
    let pairs = (one.len() + 1).saturating_mul(other.len() + 1);
    if pairs > MOST_PAIRS {
        let (bytes, limit) = (pairs as u64, MOST_PAIRS as u64);
        return Err(Error::InvalidArgument(format!(
            "String too long for LCS: the lengths, each and one more, make {bytes} when multiplied; at most \
             {limit} are allowed"
        ))
        .into());
    }
    let work = move || Ok(answer(&one, &other, options));
    Ok(if pairs > PAIRS_AT_ONCE { Answer::Later(Box::new(work)) } else { work()?.into() })
}

/// A stretch that both have: where in the one, where in the other.
type Stretch = (RangeInclusive<usize>, RangeInclusive<usize>);

fn answer(one: &[u8], other: &[u8], options: Options) -> Reply {
    let (common, stretches) = compare(one, other);
    if options.length {
        return Reply::count(common.len() as u64);
    }
    if !options.places {
        return Reply::Bytes(common.into());
    }
    let number = |number: usize| Reply::count(number as u64);
    let range =
        |range: &RangeInclusive<usize>| Reply::Array(vec![number(*range.start()), number(*range.end())]);
    let told = stretches.iter().filter_map(|(a, b)| {
        let length = a.end() - a.start() + 1;
        if length < options.shortest {
            return None;
        }
        let mut parts = vec![range(a), range(b)];
        if options.with_lengths {
            parts.push(number(length));
        }
        Some(Reply::Array(parts))
    });
    let told = Reply::Array(told.collect());
    Reply::Map(vec![Reply::text("matches"), told, Reply::text("len"), number(common.len())])
}

/// The longest common subsequence, and its stretches from the last on.
fn compare(one: &[u8], other: &[u8]) -> (Vec<u8>, Vec<Stretch>) {
    let width = other.len() + 1;
    // How long it is of the first so many bytes of each.
    let mut lengths = vec![0_u32; (one.len() + 1) * width];
    for (i, a) in (1..).zip(one) {
        for (j, b) in (1..).zip(other) {
            lengths[i * width + j] = match a == b {
                true => lengths[(i - 1) * width + j - 1] + 1,
                false => lengths[(i - 1) * width + j].max(lengths[i * width + j - 1]),
            };
        }
    }
    let (mut common, mut stretches): (Vec<u8>, Vec<Stretch>) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (one.len(), other.len());
    while i > 0 && j > 0 {
        let same = one.get(i - 1).zip(other.get(j - 1)).filter(|(a, b)| a == b);
        if let Some((byte, _)) = same {
            common.push(*byte);
            match stretches.last_mut() {
                Some((a, b)) if *a.start() == i && *b.start() == j => {
                    (*a, *b) = (i - 1..=*a.end(), j - 1..=*b.end());
                }
                _ => stretches.push((i - 1..=i - 1, j - 1..=j - 1)),
            }
            (i, j) = (i - 1, j - 1);
        } else if lengths[(i - 1) * width + j] > lengths[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    common.reverse();
    (common, stretches)
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn the_example_of_the_documentation() {
        let (common, stretches) = compare(b"ohmytext", b"mynewtext");
        assert_eq!(common, b"mytext");
        assert_eq!(stretches, [(4..=7, 5..=8), (2..=3, 0..=1)]);
        assert_eq!(compare(b"", b"x"), (vec![], vec![]));
    }
}
