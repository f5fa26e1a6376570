//! Times as text.

use kura_model::Timestamp;

/// `2026-11-23T14:47:40.123Z`. Days become a date by counting from 1 March, so that leap days come last in a year.
pub(crate) fn iso8601(at: Timestamp) -> String {
    let (days, rest) = (at / 86_400_000, at % 86_400_000);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, millis) = (rest / 1000, rest % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::iso8601;

    #[test]
    fn days_become_dates() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso8601(951_826_530_007), "2000-02-29T12:15:30.007Z");
        assert_eq!(iso8601(1_795_445_260_123), "2026-11-23T14:47:40.123Z");
    }
}
