//! From the commands' errors to gRPC statuses, in one place.

use kura_commands::Error;
use kura_wire::{Code, Status};

use crate::fields::FieldError;

/// The status for a refused command.
pub(crate) fn status(error: &Error) -> Status {
    let message = error.to_string();
    match error {
        Error::Unauthenticated(_) => Status::new(Code::Unauthenticated, message),
        Error::PermissionDenied(_) => Status::new(Code::PermissionDenied, message),
        Error::CacheNotFound(_) | Error::NotFound(_) => Status::new(Code::NotFound, message),
        Error::CacheExists(_) | Error::AlreadyExists(_) => Status::new(Code::AlreadyExists, message),
        Error::InvalidArgument(_) => Status::new(Code::InvalidArgument, message),
        Error::FailedPrecondition(_) | Error::BuiltIn(_) => Status::new(Code::FailedPrecondition, message),
        Error::ItemTooLarge { .. } => {
            Status::new(Code::ResourceExhausted, message).with_err("item_size_limit_exceeded")
        }
        Error::MessageTooLarge { .. } => {
            Status::new(Code::ResourceExhausted, message).with_err("request_size_limit_exceeded")
        }
        Error::TooManySubscriptions { .. } => {
            Status::new(Code::ResourceExhausted, message).with_err("topic_subscriptions_limit_exceeded")
        }
        Error::Stopping => Status::new(Code::Unavailable, message),
        Error::ElementTooLarge { .. } => {
            Status::new(Code::ResourceExhausted, message).with_err("element_size_limit_exceeded")
        }
        // No `err`: SDKs know none for a number of things, and the message says what it is.
        Error::TooMany { .. } | Error::LimitReached(_) => Status::new(Code::ResourceExhausted, message),
        // Not INTERNAL: SDKs would retry, and a full disk does not go away by itself.
        Error::Storage(_) => Status::new(Code::ResourceExhausted, message),
    }
}

/// The status for bytes that are not the message they should be.
pub(crate) fn malformed(error: FieldError) -> Status {
    Status::new(Code::InvalidArgument, format!("the request cannot be decoded: {error}"))
}

/// The status for a field that its message has with another wire type.
pub(crate) fn wrong_wire_type(number: u32) -> Status {
    Status::new(
        Code::InvalidArgument,
        format!("the request cannot be decoded: field {number} has another wire type than its message says"),
    )
}

/// The status for a part without which a request says nothing.
pub(crate) fn lacks(what: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("the request lacks its {what}"))
}

/// The status for a message that prost does not accept.
pub(crate) fn undecodable(error: &prost::DecodeError) -> Status {
    Status::new(Code::InvalidArgument, format!("the request cannot be decoded: {error}"))
}

/// The status for a message over the limit, as SDKs recognise it.
pub(crate) fn request_too_large(bytes: usize, limit: usize) -> Status {
    Status::new(
        Code::ResourceExhausted,
        format!("request limit: the message has {bytes} bytes; at most {limit} are allowed"),
    )
    .with_err("request_size_limit_exceeded")
}
