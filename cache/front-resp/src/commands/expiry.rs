//! When items end, as commands say it.

use kura_base::Millis;

use crate::call::Call;
use crate::reply::Failure;

/// How a time is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Milliseconds in one.
    pub(crate) millis: i64,
    /// Whether it is counted from 1970 on, and not from now.
    pub(crate) absolute: bool,
}

impl Unit {
    pub(crate) const SECONDS: Self = Self { millis: 1000, absolute: false };
    pub(crate) const MILLIS: Self = Self { millis: 1, absolute: false };
    pub(crate) const AT_SECONDS: Self = Self { millis: 1000, absolute: true };
    pub(crate) const AT_MILLIS: Self = Self { millis: 1, absolute: true };

    /// The unit that an option of SET and GETEX names.
    pub(crate) fn of_option(option: &[u8]) -> Option<Self> {
        [
            (&b"EX"[..], Self::SECONDS),
            (b"PX", Self::MILLIS),
            (b"EXAT", Self::AT_SECONDS),
            (b"PXAT", Self::AT_MILLIS),
        ]
        .into_iter()
        .find_map(|(name, unit)| name.eq_ignore_ascii_case(option).then_some(unit))
    }
}

impl Call<'_> {
    /// The end that an argument names: in the past if it lies there, and no later than any item
    /// may end.
    pub(crate) fn end(&self, index: usize, unit: Unit, command: &str) -> Result<Millis, Failure> {
        let wrong = || Failure::said(format!("ERR invalid expire time in '{command}' command"));
        let time = self.integer(index)?.checked_mul(unit.millis).ok_or_else(wrong)?;
        let now = i64::try_from(self.now.0).unwrap_or(i64::MAX);
        let end = if unit.absolute { Some(time) } else { time.checked_add(now) }.ok_or_else(wrong)?;
        Ok(Millis(u64::try_from(end).unwrap_or(0)).min(self.latest_end()))
    }

    /// The same for a value that is about to be written, which needs a time above zero.
    pub(crate) fn end_of_value(&self, index: usize, unit: Unit, command: &str) -> Result<Millis, Failure> {
        if self.integer(index)? <= 0 {
            return Err(Failure::said(format!("ERR invalid expire time in '{command}' command")));
        }
        self.end(index, unit, command)
    }
}
