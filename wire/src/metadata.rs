//! The headers that a call carries beside gRPC's own.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use crate::{Code, Status};

/// A call's metadata. Values are checked when they are added; a key is marked so that neither
/// logs nor HPACK tables keep it.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Metadata {
    /// No metadata.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The caller's raw token; empty where none is needed, and then still sent, as SDKs do.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it cannot be a header's value.
    pub fn authorization(self, token: &str) -> Result<Self, Status> {
        let mut with = self.add("authorization", token)?;
        if let Some((_, value)) = with.headers.last_mut() {
            value.set_sensitive(true);
        }
        Ok(with)
    }

    /// The cache that a data call is about.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it cannot be a header's value.
    pub fn cache(self, name: &str) -> Result<Self, Status> {
        self.add("cache", name)
    }

    /// `language:client:version` of the caller.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it cannot be a header's value.
    pub fn agent(self, agent: &str) -> Result<Self, Status> {
        self.add("agent", agent)
    }

    /// Adds any other header. The value's text is not part of the error: it may be a secret.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it cannot be a header's value.
    pub fn add(mut self, name: &'static str, value: &str) -> Result<Self, Status> {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Status::new(
                Code::InvalidArgument,
                format!("The value for {name:?} has a control character in it"),
            )
        })?;
        self.headers.push((HeaderName::from_static(name), value));
        Ok(self)
    }

    pub(crate) fn into_headers(self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
pub(crate) fn timeout_value(timeout: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let (amount, unit) = match (timeout.as_millis(), timeout.as_secs()) {
        (millis, _) if millis <= MOST => (millis, 'm'),
        (_, seconds) => (u128::from(seconds).min(MOST), 'S'),
    };
    HeaderValue::try_from(format!("{amount}{unit}")).unwrap_or_else(|_| HeaderValue::from_static("99999999S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_fit_the_wire() {
        assert_eq!(timeout_value(Duration::from_millis(1500)), "1500m");
        assert_eq!(timeout_value(Duration::from_secs(200_000)), "200000S");
        assert_eq!(timeout_value(Duration::MAX), "99999999S");
    }

    #[test]
    fn a_key_is_never_printed() {
        let metadata = Metadata::new().authorization("secret").unwrap().cache("c").unwrap();
        assert!(!format!("{metadata:?}").contains("secret"));
        let error = Metadata::new().authorization("secret\n").unwrap_err();
        assert!(!error.message.contains("secret"));
    }
}
