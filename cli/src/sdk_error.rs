//! The words in which Momento's Rust SDK tells a failed call; scripts look for them.

use kura_wire::{Code, Status};

/// `<SDK text> (SDK <Code> from: tonic status error: <status message>)`.
pub(crate) fn message(status: &Status) -> String {
    let (text, code) = text_and_code(status);
    format!("{text} (SDK {code} from: tonic status error: {})", status.message)
}

fn text_and_code(status: &Status) -> (&'static str, &'static str) {
    match status.code {
        Code::InvalidArgument => ("Invalid argument passed to Momento client", "InvalidArgumentError"),
        Code::Unimplemented | Code::OutOfRange => {
            ("The request was invalid; please contact us at support@momentohq.com", "BadRequestError")
        }
        Code::FailedPrecondition => {
            ("System is not in a state required for the operation's execution", "FailedPreconditionError")
        }
        Code::Cancelled => (
            "The request was cancelled by the server; please contact us at support@momentohq.com",
            "CancelledError",
        ),
        Code::DeadlineExceeded => (
            "The client's configured timeout was exceeded; you may need to use a Configuration with more \
             lenient timeouts",
            "TimeoutError",
        ),
        Code::PermissionDenied => {
            ("Insufficient permissions to perform an operation on a cache", "PermissionError")
        }
        Code::Unauthenticated => {
            ("Invalid authentication credentials to connect to cache service", "AuthenticationError")
        }
        Code::ResourceExhausted => (limit_exceeded(status), "LimitExceededError"),
        Code::NotFound => not_found(status.err),
        Code::AlreadyExists => (
            "A cache with the specified name already exists.  To resolve this error, either delete the \
             existing cache and make a new one, or use a different name",
            "AlreadyExistsError",
        ),
        Code::Unknown => (
            "An unexpected error occurred while trying to fulfill the request, an unknown error terminated \
             the request; please contact us at support@momentohq.com",
            "InternalServerError",
        ),
        Code::Aborted => (
            "An unexpected error occurred while trying to fulfill the request, request was aborted; please \
             contact us at support@momentohq.com",
            "InternalServerError",
        ),
        Code::Internal if status.message.to_lowercase().contains("h2 protocol error") => (
            "Message size limit was exceeded; consider increasing the max send and receive message sizes in \
             your GrpcConfiguration",
            "LimitExceededError",
        ),
        Code::Internal => (
            "An unexpected internal error occurred while trying to fulfill the request; please contact us at \
             support@momentohq.com",
            "InternalServerError",
        ),
        Code::Unavailable => (
            "The server was unavailable to handle the request; consider retrying.  If the error persists, \
             please contact Momento.",
            "ServerUnavailable",
        ),
        Code::DataLoss => (
            "An unexpected data loss error occurred while trying to fulfill the request; please contact us \
             at support@momentohq.com",
            "InternalServerError",
        ),
        Code::Ok => (
            "The service returned an unknown response; please contact us at support@momentohq.com",
            "UnknownServiceError",
        ),
    }
}

fn not_found(err: Option<&str>) -> (&'static str, &'static str) {
    match err {
        Some("store_not_found") => (
            "A store with the specified name does not exist.  To resolve this error, make sure you have \
             created the store before attempting to use it",
            "StoreNotFoundError",
        ),
        Some("item_not_found") => (
            "An item with the specified key does not exist.  To resolve this error, make sure you have \
             created the item before attempting to use it",
            "ItemNotFoundError",
        ),
        _ => (
            "A cache with the specified name does not exist.  To resolve this error, make sure you have \
             created the cache before attempting to use it",
            "CacheNotFoundError",
        ),
    }
}

/// By the `err` trailer, or, from servers that send none, by a word in the message.
fn limit_exceeded(status: &Status) -> &'static str {
    const LIMITS: [(&str, &str, &str); 6] = [
        (
            "topic_subscriptions_limit_exceeded",
            "subscribers",
            "Topic subscriptions limit exceeded for this account",
        ),
        ("operations_rate_limit_exceeded", "operations", "Request rate limit exceeded for this account"),
        ("throughput_rate_limit_exceeded", "throughput", "Bandwidth limit exceeded for this account"),
        ("request_size_limit_exceeded", "request limit", "Request size limit exceeded for this account"),
        ("item_size_limit_exceeded", "item size", "Item size limit exceeded for this account"),
        ("element_size_limit_exceeded", "element size", "Element size limit exceeded for this account"),
    ];
    let message = status.message.to_lowercase();
    let found = LIMITS.into_iter().find(|(err, word, _)| match status.err {
        Some(sent) => sent == *err,
        None => message.contains(word),
    });
    found.map_or("Limit exceeded for this account", |(_, _, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_words_of_the_sdk() {
        let all = (0..=16).map(|number: u8| {
            let code = Code::from_trailer(number.to_string().as_bytes());
            format!("{code:?}: {}", message(&Status::new(code, "why")))
        });
        insta::assert_snapshot!(all.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn err_trailers_and_words_choose_the_text() {
        let limit = |err, text: &'static str| {
            let status = Status { err, ..Status::new(Code::ResourceExhausted, text) };
            text_and_code(&status).0
        };
        assert!(limit(Some("item_size_limit_exceeded"), "operations").starts_with("Item size"));
        assert!(limit(None, "Too many Operations").starts_with("Request rate"));
        assert!(limit(Some("unrecognised"), "operations").starts_with("Limit exceeded"));
        assert_eq!(not_found(Some("item_not_found")).1, "ItemNotFoundError");
    }
}
