//! Reading settings one by one without stopping at the first mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Settings;

/// The check of one configuration, and what it has found so far.
#[derive(Default)]
pub(super) struct Check {
    /// What is wrong, a line each.
    pub(super) mistakes: Vec<String>,
    /// Which settings came from the file, to name it in a mistake.
    from_file: BTreeMap<String, String>,
}

impl Check {
    /// Notes what is wrong with a setting.
    pub(super) fn mistake(&mut self, name: &str, what: impl fmt::Display) {
        let origin = self.from_file.get(name).map(|file| format!(" (in {file})")).unwrap_or_default();
        self.mistakes.push(format!("--{name}{origin} {what}"));
    }

    /// Fills in, from a file, the settings that were not given.
    pub(super) fn merge_file(&mut self, settings: &mut Settings, path: &std::path::Path) {
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.mistakes.push(format!("--config {shown}: cannot be read: {error}")),
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                return self
                    .mistakes
                    .push(format!("--config {shown}: line {line} is not TOML: {}", error.message()));
            }
        };
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(truth) => truth.to_string(),
                other => {
                    self.mistakes.push(format!(
                        "--config {shown}: {key} is a {}; give a text, a number or true/false",
                        other.type_str()
                    ));
                    continue;
                }
            };
            match settings.table().into_iter().find(|(name, _)| *name == key) {
                None => self
                    .mistakes
                    .push(format!("--config {shown}: {key} is no setting; see kura serve --help")),
                Some((_, slot)) if slot.is_none() => {
                    self.from_file.insert(key, shown.clone());
                    *slot = Some(text);
                }
                Some(_) => {}
            }
        }
    }

    /// Reads a setting; a text that `parse` does not take is a mistake.
    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        text: Option<&str>,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
        wanted: &str,
    ) -> T {
        let Some(text) = text else { return default };
        parse(text).unwrap_or_else(|| {
            self.mistake(name, format_args!("is {text:?}; give {wanted}"));
            default
        })
    }

    /// Reads a number.
    pub(super) fn number(
        &mut self,
        name: &str,
        text: Option<&str>,
        default: usize,
        min: usize,
        max: usize,
    ) -> usize {
        let parse = |text: &str| text.parse().ok().filter(|number| (min..=max).contains(number));
        self.parse(name, text, default, parse, &format!("a number from {min} to {max}"))
    }

    /// Reads a size in bytes.
    pub(super) fn size(
        &mut self,
        name: &str,
        text: Option<&str>,
        default: usize,
        min: usize,
        max: usize,
    ) -> usize {
        let parse = |text: &str| parse_size(text).filter(|size| (min..=max).contains(size));
        let most = if max == usize::MAX { String::new() } else { format!(" and at most {max}") };
        self.parse(name, text, default, parse, &format!("a size of at least {min}{most} bytes, such as 8MiB"))
    }

    /// Reads the two files of a certificate, which go together and with TLS.
    pub(super) fn certificate(
        &mut self,
        cert: Option<String>,
        key: Option<String>,
        local: bool,
    ) -> Option<(PathBuf, PathBuf)> {
        match (cert, key) {
            (None, None) => None,
            _ if local => {
                self.mistake("tls-cert", "and --tls-key go with the secured service; leave --local out");
                None
            }
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (Some(_), None) => {
                self.mistake("tls-key", "is missing: --tls-cert needs its private key");
                None
            }
            (None, Some(_)) => {
                self.mistake("tls-cert", "is missing: --tls-key needs its certificate");
                None
            }
        }
    }
}

/// A size in bytes: a number, alone or with KiB, MiB or GiB (also K, M, G).
fn parse_size(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(1 << shift)
}

/// A time: a number with s, m, h or d.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        assert_eq!(parse_size("8MiB"), Some(8 << 20));
        assert_eq!(parse_size("12"), Some(12));
        assert_eq!(parse_size("99999999999999999999G"), None);
        assert_eq!(parse_size("MiB"), None);
        assert_eq!(parse_duration("30d"), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration("0s"), None);
        assert_eq!(parse_duration(""), None);
    }
}
