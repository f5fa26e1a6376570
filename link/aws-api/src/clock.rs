//! Times as AWS writes them.

use kura_model::Timestamp;
use time::{OffsetDateTime, macros::format_description};

/// `2026-11-23T14:50:19.000Z`; empty beyond the year 9999.
pub fn iso(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn milliseconds_are_kept() {
        assert_eq!(super::iso(1_440_938_160_007), "2015-08-30T12:36:00.007Z");
    }
}
