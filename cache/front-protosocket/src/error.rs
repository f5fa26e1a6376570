//! From the commands' errors to protosocket's, whose codes are gRPC's.

use kura_commands::Error;
use kura_wire::Code;

/// What a client is told that asks for an item that is not there. SDKs compare the text: with it
/// NOT_FOUND is a miss, with any other an error.
pub(crate) const KEY_NOT_FOUND: &str = "Key not found";

/// The code of a refused command.
pub(crate) fn code(error: &Error) -> Code {
    match error {
        Error::Unauthenticated(_) => Code::Unauthenticated,
        Error::PermissionDenied(_) => Code::PermissionDenied,
        Error::CacheNotFound(_) | Error::NotFound(_) => Code::NotFound,
        Error::CacheExists(_) | Error::AlreadyExists(_) => Code::AlreadyExists,
        Error::InvalidArgument(_) => Code::InvalidArgument,
        Error::FailedPrecondition(_) | Error::BuiltIn(_) => Code::FailedPrecondition,
        // For a full disk neither INTERNAL nor UNAVAILABLE: clients would try again at once.
        Error::ItemTooLarge { .. }
        | Error::ElementTooLarge { .. }
        | Error::MessageTooLarge { .. }
        | Error::TooManySubscriptions { .. }
        | Error::TooMany { .. }
        | Error::LimitReached(_)
        | Error::Storage(_) => Code::ResourceExhausted,
        Error::Stopping => Code::Unavailable,
    }
}
