//! The names of a cell.

use std::fmt;

/// Longest host name of a cell: with the longest service name before it, it is a host name yet.
const MAX_BYTES: usize = 253 - "web.control.".len();

/// The services whose names users reach: what the SDKs put before the endpoint, those for the web last.
const SERVICES: [&str; 7] =
    ["cache", "control", "token", "api.cache", "web.cache", "web.control", "web.token"];

/// The host name of a cell, which users call the endpoint, like `cell-1.kura.internal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell(String);

/// Why a text is not the host name of a cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host name for a cell: give labels of letters, digits and hyphens, separated by dots, \
     {MAX_BYTES} characters at most, like {default}",
    default = Cell::DEFAULT
)]
pub(crate) struct CellError(String);

impl Default for Cell {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl Cell {
    /// The cell of a server that was given no other name.
    pub(crate) const DEFAULT: &'static str = "cell-1.kura.internal";

    /// Checks a host name, and writes it in lower case.
    pub(crate) fn parse(text: &str) -> Result<Self, CellError> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // The last label tells a host name from an IPv4 address.
        let numeric = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let last = text.rsplit('.').next().unwrap_or_default();
        if text.len() > MAX_BYTES || !text.split('.').all(label) || numeric(last) {
            return Err(CellError(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The host names that clients resolve, the cell's own first.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let services = SERVICES.iter().map(|service| format!("{service}.{}", self.0));
        std::iter::once(self.0.clone()).chain(services).collect()
    }

    /// Everything that the cell's certificate covers: names and addresses.
    pub(crate) fn certificate_names(&self, extra: &[String]) -> Vec<String> {
        let mut names = self.hosts();
        names.push(format!("*.{}", self.0));
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        for name in extra {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

impl std::str::FromStr for Cell {
    type Err = CellError;

    fn from_str(text: &str) -> Result<Self, CellError> {
        Self::parse(text)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_cells_and_nothing_else_is() {
        for good in [Cell::DEFAULT, "a", "a-b.c1", "1a.2b", "a.".repeat(100).trim_end_matches('.')] {
            assert_eq!(Cell::parse(good).unwrap().to_string(), good);
        }
        assert_eq!(Cell::parse("Cell.Example").unwrap().to_string(), "cell.example");
        let long = "a".repeat(64);
        for bad in ["", ".", "a.", ".a", "-a.b", "a-.b", "a_b", "a b", "a:1", "10.0.0.1", "ü.de", &long] {
            let error = Cell::parse(bad).unwrap_err();
            assert!(error.to_string().contains("cell-1.kura.internal"), "{bad}: {error}");
        }
    }

    #[test]
    fn the_certificate_covers_what_sdks_derive() {
        let cell = Cell::parse("h.test").unwrap();
        let names = cell.certificate_names(&["other.test".to_owned(), "localhost".to_owned()]);
        assert_eq!(
            names,
            [
                "h.test",
                "cache.h.test",
                "control.h.test",
                "token.h.test",
                "api.cache.h.test",
                "web.cache.h.test",
                "web.control.h.test",
                "web.token.h.test",
                "*.h.test",
                "localhost",
                "127.0.0.1",
                "::1",
                "other.test",
            ]
        );
    }
}
