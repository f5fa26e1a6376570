//! Where a service is: endpoints as users write them, and the addresses they stand for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::{Code, Status};

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plaintext HTTP/2 with prior knowledge.
    Http,
    /// HTTP/2 over TLS.
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// One host and port to connect to.
///
/// ```
/// use kura_wire::{Scheme, Target};
///
/// let target = Target::parse("https://cell.example:8443", Scheme::Https).unwrap();
/// assert_eq!(target.prefixed("cache").to_string(), "https://cache.cell.example:8443");
/// assert_eq!(target.port, 8443);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Encrypted or not.
    pub scheme: Scheme,
    /// A host name, or an IP address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Target {
    /// Reads `[http://|https://]host[:port][/]`; without a scheme it is `default_scheme`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT saying what is wrong with `text`.
    pub fn parse(text: &str, default_scheme: Scheme) -> Result<Self, Status> {
        let invalid = |why: &str| {
            let forms = "write host, host:port, http://host:port or https://host:port";
            Status::new(Code::InvalidArgument, format!("Invalid endpoint {text:?}: {why}; {forms}"))
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return Err(invalid("unknown scheme")),
            None => (default_scheme, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest).ok_or_else(|| invalid("the host is not readable"))?;
        let port = match port {
            None => scheme.default_port(),
            Some(digits) => match digits.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(invalid("the port is not a number from 1 to 65535")),
            },
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if host.parse::<IpAddr>().is_err() && (host.is_empty() || !host.chars().all(is_name)) {
            return Err(invalid("the host is not a name or an IP address"));
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }

    /// The same target with `prefix.` before its host name. An IP address has no names below it
    /// and stays as it is.
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Self {
        let host = match self.ip() {
            Some(_) => self.host.clone(),
            None => format!("{prefix}.{}", self.host),
        };
        Self { host, ..self.clone() }
    }

    /// The host as an IP address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host` or `host:port`, as an HTTP/2 `:authority`.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{}]", self.host),
            Err(_) => self.host.clone(),
        };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority())
    }
}

/// Splits `host[:port]`; brackets mark an IPv6 address, which may also stand bare.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    Some(match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

/// A cell as users name it, and the two services that it stands for.
///
/// With TLS a cell's services have names of their own, `cache.` and `control.` before its host,
/// as Momento's SDKs derive them. Plaintext is what SDKs call Momento Local: one port for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Data and topics.
    pub cache: Target,
    /// Creating, deleting and listing caches.
    pub control: Target,
}

impl Endpoint {
    /// Reads `host[:port]`, `https://host[:port]` or `http://host:port`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT saying what is wrong with `text`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let cell = Target::parse(text, Scheme::Https)?;
        Ok(match cell.scheme {
            Scheme::Http => Self { cache: cell.clone(), control: cell },
            Scheme::Https => Self { cache: cell.prefixed("cache"), control: cell.prefixed("control") },
        })
    }

    /// Whether calls, and the key in them, travel unencrypted.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        self.cache.scheme == Scheme::Http
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(text: &str) -> (String, String) {
        let endpoint = Endpoint::parse(text).unwrap();
        (endpoint.cache.to_string(), endpoint.control.to_string())
    }

    #[test]
    fn endpoints_stand_for_the_names_that_sdks_derive() {
        let pair = |cache: &str, control: &str| (cache.to_owned(), control.to_owned());
        assert_eq!(
            services("cell.example"),
            pair("https://cache.cell.example", "https://control.cell.example")
        );
        assert_eq!(
            services("cell.example:8443"),
            pair("https://cache.cell.example:8443", "https://control.cell.example:8443")
        );
        assert_eq!(services("https://cell.example/"), services("cell.example"));
        assert_eq!(services("http://127.0.0.1:8080"), pair("http://127.0.0.1:8080", "http://127.0.0.1:8080"));
        assert_eq!(services("http://[::1]:8080").0, "http://[::1]:8080");
        assert_eq!(services("10.0.0.1:8443").0, "https://10.0.0.1:8443");
        assert_eq!(services("::1").0, "https://[::1]");
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_a_reason() {
        for bad in [
            "",
            ":8080",
            "ftp://x",
            "http://",
            "host:0",
            "host:x",
            "a b",
            "http://[::1",
            "[x]:1",
            "h/p",
            "u@h",
        ] {
            let status = Endpoint::parse(bad).unwrap_err();
            assert_eq!(status.code, Code::InvalidArgument);
            assert!(status.message.contains(&format!("{bad:?}")), "{status}");
        }
    }
}
