//! Why a request was refused, and the one place where the commands' errors become HTTP statuses.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use kura_commands::Error;

use crate::content::Content;
use crate::query::QueryError;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// What was wrong, with which value, and what to do.
    pub(crate) message: Cow<'static, str>,
    /// The methods that the path has, for 405.
    pub(crate) allow: Option<HeaderValue>,
}

/// How an operation words its refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The message alone: caches and topics.
    Text,
    /// `{"code", "message"}`: management.
    Json,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), allow: None }
    }

    /// 400.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// As a response.
    pub(crate) fn into_response(self, form: Form) -> Response<Content> {
        let (content_type, body) = match form {
            Form::Text => ("text/plain; charset=utf-8", self.message.into_owned()),
            Form::Json => {
                let body = serde_json::json!({ "code": code(self.status), "message": self.message });
                ("application/json", body.to_string())
            }
        };
        let mut response = Response::new(Content::whole(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, allow);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1 asks for a challenge. The scheme is nobody's, so browsers do not ask for
            // a password: the whole header is the key.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Momento"));
        }
        response
    }
}

/// The `code` of a management error, spelled as in Momento's examples.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => "Bad Request",
        StatusCode::UNAUTHORIZED => "Unauthenticated",
        StatusCode::FORBIDDEN => "PermissionDenied",
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::REQUEST_TIMEOUT => "DeadlineExceeded",
        StatusCode::CONFLICT => "AlreadyExists",
        StatusCode::PRECONDITION_FAILED => "FailedPrecondition",
        StatusCode::SERVICE_UNAVAILABLE => "Unavailable",
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS | StatusCode::INSUFFICIENT_STORAGE => {
            "ResourceExhausted"
        }
        _ => "Internal",
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::PermissionDenied(_) => StatusCode::FORBIDDEN,
            // Momento's wording, which tells it from an absent key.
            Error::CacheNotFound(_) => return Self::new(StatusCode::NOT_FOUND, "Cache Not Found"),
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::CacheExists(_) | Error::AlreadyExists(_) => StatusCode::CONFLICT,
            Error::BuiltIn(_) => StatusCode::PRECONDITION_FAILED,
            Error::InvalidArgument(_) | Error::FailedPrecondition(_) => StatusCode::BAD_REQUEST,
            Error::ItemTooLarge { .. } | Error::ElementTooLarge { .. } | Error::MessageTooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Error::TooMany { .. } | Error::LimitReached(_) | Error::TooManySubscriptions { .. } => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Error::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Error::Storage(_) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::bad_request(error.to_string())
    }
}
