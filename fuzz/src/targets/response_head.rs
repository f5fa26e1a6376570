//! The client's reading of a response's headers and trailers.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use kura_wire::{Code, check_response_head, percent_decode, status_from_trailers};

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[b"application/grpc", b"application/grpc+proto", b"item_not_found", b"%E8%94%B5", b"+0", b"16"],
    ..Target::new(
        "response_head",
        "OK only if a gRPC server said so in digits; else a status with its text",
        check,
    )
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let http = input.one_of(&[200, 200, 204, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504]);
    let mut headers = HeaderMap::new();
    let mut put = |name, value: &[u8]| {
        // What a header cannot hold does not come in: HTTP/2 refuses it first.
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            headers.insert(name, value);
        }
    };
    put(HeaderName::from_static("grpc-status"), input.line());
    put(HeaderName::from_static("err"), input.line());
    put(CONTENT_TYPE, input.line());
    put(HeaderName::from_static("grpc-message"), input.rest());

    let code = headers.get("grpc-status").map(|value| code_of(value.as_bytes()));
    let trailers = status_from_trailers(&headers);
    trace.note(trailers.as_ref().map(|status| status.as_ref().map_err(|status| (status.code, status.err))));
    match &trailers {
        None => assert_eq!(code, None),
        Some(Ok(())) => assert_eq!(code, Some(Code::Ok)),
        Some(Err(status)) => {
            assert_eq!(code, Some(status.code));
            assert_ne!(status.code, Code::Ok);
            let message = headers.get("grpc-message").map_or(&b""[..], |value| value.as_bytes());
            assert_eq!(status.message, percent_decode(message));
            assert_eq!(status.err.is_some(), headers.contains_key("err"));
        }
    }

    let head = check_response_head(StatusCode::from_u16(http).unwrap(), &headers);
    trace.note((http, head.as_ref().map_err(|status| status.code)));
    match (head, trailers) {
        (head, Some(Err(status))) => assert_eq!(head, Err(status), "a status of its own counts first"),
        (Err(status), _) => assert_ne!(status.code, Code::Ok),
        (Ok(()), _) => {
            assert_eq!(http, 200);
            let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
            let rest = content_type.strip_prefix(b"application/grpc");
            let grpc = rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'+' || rest[0] == b';');
            assert!(grpc, "{:?} is taken for gRPC", content_type.escape_ascii().to_string());
        }
    }
}

/// gRPC: one or more digits, and what is no known code is UNKNOWN.
fn code_of(value: &[u8]) -> Code {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let zeros = value.iter().take_while(|byte| **byte == b'0').count();
    let rest = if digits { &value[zeros..] } else { b"none" };
    let number = match rest {
        [] => 0,
        [a] => a - b'0',
        [b'1', b] => 10 + (b - b'0'),
        _ => u8::MAX,
    };
    CODES.get(usize::from(number)).copied().unwrap_or(Code::Unknown)
}

const CODES: [Code; 17] = [
    Code::Ok,
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];
