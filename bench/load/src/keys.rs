//! Which keys a run touches: a small reproducible generator, and Zipf or uniform ranks drawn from it.

/// SplitMix64: the same sequence for the same seed, whatever the version of any library.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator that repeats for equal seeds.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number below `bound`; zero when `bound` is zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        let wide = (self.next_u64() >> 32) * u64::from(bound);
        (wide >> 32) as u32
    }
}

/// SplitMix64's finalizer: a bijection on 64 bits, so that different ranks give different keys.
#[must_use]
pub fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A distribution over the ranks `0..keys`, rank 0 the most popular.
#[derive(Clone, Debug)]
pub enum Popularity {
    /// Every rank alike.
    Uniform {
        /// How many ranks there are.
        keys: u32,
    },
    /// Rank `r` with weight `1 / (r + 1)^s`.
    Zipf(Alias),
}

impl Popularity {
    /// All of `keys` ranks alike.
    #[must_use]
    pub fn uniform(keys: u32) -> Self {
        Self::Uniform { keys: keys.max(1) }
    }

    /// Zipf's law with exponent `s` over `keys` ranks; exact, by a table of 8 bytes a rank.
    #[must_use]
    pub fn zipf(keys: u32, s: f64) -> Self {
        let weights: Vec<f64> = (1..=keys.max(1)).map(|rank| f64::from(rank).powf(-s)).collect();
        Self::Zipf(Alias::new(&weights))
    }

    /// Draws a rank.
    pub fn draw(&self, random: &mut SplitMix) -> u32 {
        match self {
            Self::Uniform { keys } => random.below(*keys),
            Self::Zipf(alias) => alias.draw(random),
        }
    }

    /// How many ranks there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Self::Uniform { keys } => *keys,
            Self::Zipf(alias) => u32::try_from(alias.columns.len()).unwrap_or(u32::MAX),
        }
    }

    /// Never: a distribution has at least one rank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// Vose's alias table: one column a rank, a draw in constant time.
#[derive(Clone, Debug)]
pub struct Alias {
    columns: Vec<Column>,
}

/// A draw that falls on this column keeps it below `keep` (of 2^32) and takes `other` otherwise.
#[derive(Clone, Copy, Debug)]
struct Column {
    keep: u32,
    other: u32,
}

impl Alias {
    fn new(weights: &[f64]) -> Self {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut share: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let mut columns: Vec<Column> =
            (0..weights.len() as u32).map(|rank| Column { keep: u32::MAX, other: rank }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|&rank| share[rank] < 1.0);
        while let (Some(&under), Some(&over)) = (small.last(), large.last()) {
            small.pop();
            columns[under] = Column { keep: (share[under] * 4_294_967_296.0) as u32, other: over as u32 };
            share[over] -= 1.0 - share[under];
            if share[over] < 1.0 {
                large.pop();
                small.push(over);
            }
        }
        Self { columns }
    }

    fn draw(&self, random: &mut SplitMix) -> u32 {
        let bits = random.next_u64();
        let index = ((bits >> 32) * self.columns.len() as u64) >> 32;
        let column = self.columns[index as usize];
        if (bits as u32) < column.keep { index as u32 } else { column.other }
    }
}

/// Writes the key of a rank: 16 hexadecimal digits of its scrambled number, padded to `length` (at least 16).
pub fn write_key(rank: u32, length: usize, key: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let number = scramble(u64::from(rank) + 1);
    key.extend((0..16).rev().map(|digit| DIGITS[(number >> (digit * 4)) as usize & 15]));
    key.extend(std::iter::repeat_n(b'.', length.saturating_sub(16)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_shares_follow_the_law() {
        let keys = 1000;
        let zipf = Popularity::zipf(keys, 1.0);
        let mut random = SplitMix::new(7);
        let mut counts = vec![0_u32; keys as usize];
        let draws = 1_000_000;
        for _ in 0..draws {
            counts[zipf.draw(&mut random) as usize] += 1;
        }
        let total: f64 = (1..=keys).map(|rank| 1.0 / f64::from(rank)).sum();
        for rank in [1_u32, 2, 10, 100] {
            let expected = f64::from(draws) / f64::from(rank) / total;
            let seen = f64::from(counts[rank as usize - 1]);
            assert!((seen / expected - 1.0).abs() < 0.1, "rank {rank}: {seen} draws, {expected} expected");
        }
        assert!(counts.iter().all(|&count| count > 0));
    }

    #[test]
    fn zipf_with_exponent_zero_is_uniform() {
        let flat = Popularity::zipf(4, 0.0);
        let mut random = SplitMix::new(1);
        let mut counts = [0_u32; 4];
        for _ in 0..40_000 {
            counts[flat.draw(&mut random) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn draws_repeat_for_equal_seeds_and_stay_in_range() {
        let zipf = Popularity::zipf(3, 1.2);
        let draw = |seed| {
            let mut random = SplitMix::new(seed);
            (0..100).map(|_| zipf.draw(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert!(draw(5).iter().all(|&rank| rank < 3));
    }

    #[test]
    fn keys_have_the_length_asked_and_differ() {
        let key = |rank, length| {
            let mut key = Vec::new();
            write_key(rank, length, &mut key);
            key
        };
        assert_eq!(key(0, 16).len(), 16);
        assert_eq!(key(0, 20).len(), 20);
        let all: std::collections::HashSet<_> = (0..10_000).map(|rank| key(rank, 16)).collect();
        assert_eq!(all.len(), 10_000);
    }
}
