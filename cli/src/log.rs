//! Log lines on standard error: `[2026-11-23T08:35:36Z DEBUG module] text`.
//!
//! The official command line's format, but never with colour codes: scripts match these lines,
//! also when standard error is a file.

use std::fmt;

use kura_base::{Clock, SystemClock};
use time::OffsetDateTime;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: what `RUST_LOG` asks for, else with `verbose` what this program does, else
/// nothing, which then costs nothing.
pub(crate) fn init(verbose: bool) {
    let Some(filter) = filter(std::env::var("RUST_LOG").ok().as_deref(), verbose) else { return };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .event_format(Lines { clock: SystemClock });
    // Fails only if a logger was set before, which main does not.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

fn filter(rust_log: Option<&str>, verbose: bool) -> Option<Targets> {
    match rust_log {
        // Unreadable directives count as none, as in the official command line.
        Some(directives) => {
            Some(directives.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::ERROR)))
        }
        // The frames of HTTP/2 would bury the lines that a user of --verbose looks for.
        None if verbose => {
            Some(Targets::new().with_default(LevelFilter::DEBUG).with_target("h2", LevelFilter::WARN))
        }
        None => None,
    }
}

struct Lines<C> {
    clock: C,
}

impl<S, N, C> FormatEvent<S, N> for Lines<C>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    C: Clock,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        writer.write_char('[')?;
        write_time(&mut writer, self.clock.now().epoch_seconds())?;
        write!(writer, " {:<5} {}] ", metadata.level().as_str(), metadata.target())?;
        context.format_fields(writer.by_ref(), event)?;
        writer.write_char('\n')
    }
}

fn write_time(to: &mut impl fmt::Write, epoch_seconds: u64) -> fmt::Result {
    let seconds = i64::try_from(epoch_seconds).unwrap_or_default();
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    write!(to, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_to_the_second() {
        let mut text = String::new();
        write_time(&mut text, 1_694_741_597).unwrap();
        assert_eq!(text, "2023-09-15T01:33:17Z");
    }

    #[test]
    fn rust_log_wins_over_verbose() {
        let debug = |filter: Option<Targets>| {
            filter.is_some_and(|filter| filter.would_enable("momento::utils::client", &tracing::Level::DEBUG))
        };
        assert!(debug(filter(None, true)));
        assert!(!debug(filter(None, false)));
        assert!(!debug(filter(Some("error"), true)));
        assert!(debug(filter(Some("momento=debug"), false)));
        assert!(!debug(filter(Some("=,="), true)));
    }
}
