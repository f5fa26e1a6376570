//! Elements chosen at random: HRANDFIELD and ZRANDMEMBER.

use std::collections::BTreeSet;

use kura_commands::Work;

use crate::call::Call;
use crate::reply::Failure;

/// Most elements of one answer where elements may stand more than once: nothing else bounds it.
pub(crate) const MOST_REPEATED: u64 = 65_536;

/// How many elements are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    count: u64,
    /// Whether elements may stand more than once: the count was negative.
    repeated: bool,
    /// Whether the option was given that asks for what belongs to the elements.
    pub(crate) both: bool,
    seed: u64,
}

impl Chance {
    /// The count and the option behind it; none if one element is asked for, by no count.
    pub(crate) fn of(call: &Call<'_>, option: &[u8]) -> Result<Option<Self>, Failure> {
        let both = match call.len() {
            1 => return Ok(None),
            2 => false,
            3 if call.argument(2).eq_ignore_ascii_case(option) => true,
            _ => return Err(Failure::syntax()),
        };
        let count = call.integer(1)?;
        let (repeated, count) = (count < 0, count.unsigned_abs());
        if repeated && count > MOST_REPEATED {
            return Err(Failure::said(format!("ERR value is out of range, at least -{MOST_REPEATED}")));
        }
        Ok(Some(Self { count, repeated, both, seed: call.seed()? }))
    }

    pub(crate) fn work(&self) -> Work {
        // Choosing is the work; what is chosen is looked up as the answer is written.
        Work::on(usize::try_from(self.count).unwrap_or(usize::MAX))
    }

    /// The places of the elements chosen, of so many.
    pub(crate) fn places(&self, len: u64) -> Vec<u64> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        if self.repeated {
            return (0..self.count).map(|_| random.u64(0..len)).collect();
        }
        if self.count >= len {
            return (0..len).collect();
        }
        // Floyd's algorithm: all choices are equally likely.
        let mut chosen = BTreeSet::new();
        for last in len - self.count..len {
            if !chosen.insert(random.u64(0..=last)) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_chosen_and_none_twice_unless_asked_for() {
        let chance = |count, repeated| Chance { count, repeated, both: false, seed: 7 };
        for (count, len, chosen) in [(3, 10, 3), (10, 10, 10), (50, 10, 10), (0, 10, 0)] {
            let places: BTreeSet<_> = chance(count, false).places(len).into_iter().collect();
            assert_eq!(places.len(), chosen);
            assert!(places.iter().all(|place| *place < len));
        }
        let places = chance(50, true).places(10);
        assert!(places.len() == 50 && places.iter().all(|place| *place < 10));
    }
}
