//! Which web pages may call this server from a browser
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, Response, StatusCode};

use crate::content::Content;

/// The origins whose pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Every origin.
    Any,
    /// These; none if empty.
    These(Vec<Origin>),
}

/// An origin as browsers send it: `https://app.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError;

impl std::str::FromStr for Origin {
    type Err = OriginError;

    /// Takes what a browser would send for it: without the scheme's own port, which browsers leave out.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError)?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(OriginError),
        };
        // The colons of an address in brackets are not before a port.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let lower = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        let is_sound = !host.is_empty()
            && host.bytes().all(lower)
            && !host.contains(['/', '?', '#', '@', ',', '*'])
            && (in_brackets || !host.contains([':', '[', ']']));
        if !is_sound {
            return Err(OriginError);
        }
        match port.map(|port| (port, port.parse::<u16>())) {
            None => Ok(Self(text.to_owned())),
            // As numbers are written: no sign, no zero before it.
            Some((port, Ok(number))) if number > 0 && number.to_string() == port => {
                Ok(Self(if number == default_port { format!("{scheme}://{host}") } else { text.to_owned() }))
            }
            Some(_) => Err(OriginError),
        }
    }
}

impl Origin {
    /// As browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Headers of answers that pages may read: gRPC's status, and Momento's.
const EXPOSED: HeaderValue = HeaderValue::from_static("grpc-status, grpc-message, err");
/// Methods of the API.
const METHODS: HeaderValue = HeaderValue::from_static("GET, PUT, POST, DELETE");
/// How long a browser may remember a preflight's answer, in seconds. Chromium's longest.
const REMEMBER: HeaderValue = HeaderValue::from_static("7200");

impl Cors {
    /// The answer to a preflight; none if the request is not one. A page that may not call gets an
    /// answer without a word of CORS, which is how browsers are told.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Content>> {
        if method != Method::OPTIONS
            || !headers.contains_key(ORIGIN)
            || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = Response::new(Content::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        if self.allow(headers.get(ORIGIN), answer) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(ACCESS_CONTROL_MAX_AGE, REMEMBER);
            // `*` would not cover authorization, so what is asked for is named again.
            if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        Some(response)
    }

    /// Adds to an answer what its page must see to read it.
    pub(crate) fn apply(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.allow(origin, answer) {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn allow(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
        let allowed = match self {
            Self::Any => origin.map(|_| HeaderValue::from_static("*")),
            Self::These(origins) => {
                if !origins.is_empty() {
                    answer.append(VARY, HeaderValue::from_name(HeaderName::from_static("origin")));
                }
                origin
                    .filter(|given| origins.iter().any(|known| given.as_bytes() == known.as_str().as_bytes()))
                    .cloned()
            }
        };
        let Some(allowed) = allowed else { return false };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_no_path() {
        for (good, sent) in [
            ("https://app.example.com", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]", "http://[::1]"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://a:443", "https://a"),
            ("https://a:80", "https://a:80"),
            ("http://a:443", "http://a:443"),
        ] {
            assert_eq!(good.parse(), Ok(Origin(sent.to_owned())), "{good}");
        }
        for bad in [
            "",
            "app.example.com",
            "https://",
            "https://a/",
            "ftp://a",
            "https://A",
            "*",
            "https://a,b",
            "https://a:",
            "https://a:0",
            "https://a:x",
            "https://a:0443",
            "https://a:65536",
            "https://::1",
            "https://:443",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_listed_origins_are_answered() {
        let cors = Cors::These(vec!["https://a".parse().unwrap()]);
        let asked = |cors: &Cors, origin: &'static str| {
            let mut headers = HeaderMap::new();
            cors.apply(Some(&HeaderValue::from_static(origin)), &mut headers);
            headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(asked(&cors, "https://a").as_deref(), Some("https://a"));
        assert_eq!(asked(&cors, "https://b"), None);
        assert_eq!(asked(&Cors::Any, "https://b").as_deref(), Some("*"));
        assert_eq!(asked(&Cors::These(Vec::new()), "https://a"), None);
    }
}
