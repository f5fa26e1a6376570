//! How long a key lives, as users write it: `30d`, `12h`, `45m`, `10s` or `never`.

use std::str::FromStr;

/// The time until a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime(Option<u64>);

impl Lifetime {
    /// In seconds; `None` for never.
    pub(super) fn seconds(self) -> Option<u64> {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let parse = || {
            let unit = text.chars().last()?;
            let seconds: u64 = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 24 * 3600,
                _ => return None,
            };
            let count = text.strip_suffix(unit)?;
            let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
            let count = count.parse::<u64>().ok().filter(|count| digits && *count > 0)?;
            count.checked_mul(seconds)
        };
        let wrong = || "give a number and a unit, like 30d, 12h, 45m or 10s, or never".to_owned();
        parse().map(|seconds| Self(Some(seconds))).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_or_never() {
        for (text, seconds) in [
            ("never", None),
            ("10s", Some(10)),
            ("45m", Some(2_700)),
            ("12h", Some(43_200)),
            ("30d", Some(2_592_000)),
        ] {
            assert_eq!(text.parse::<Lifetime>().unwrap().seconds(), seconds, "{text}");
        }
        for bad in
            ["", "d", "0d", "30", "-1d", "+1d", "1.5h", "1w", "1 d", "d1", "99999999999999999999d", "1é"]
        {
            assert!(bad.parse::<Lifetime>().is_err(), "{bad}");
        }
        assert!(format!("{}d", u64::MAX).parse::<Lifetime>().is_err());
    }
}
