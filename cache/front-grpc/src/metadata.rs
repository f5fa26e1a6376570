//! What a call's headers say.

use std::time::Duration;

pub use kura_wire::is_grpc;

/// Reads a `grpc-timeout` header: at most eight digits and a unit
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>).
/// None if it is not one.
#[must_use]
pub fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_at_most_eight_digits_and_a_unit() {
        assert_eq!(parse_timeout(b"5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_timeout(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(parse_timeout(b"20m"), Some(Duration::from_millis(20)));
        for broken in [&b""[..], b"S", b"5", b"5s", b"-1S", b"123456789S", b"1 S"] {
            assert_eq!(parse_timeout(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn only_grpc_is_grpc() {
        for grpc in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(is_grpc(grpc.as_bytes()), "{grpc}");
        }
        for other in ["application/grpc-web", "application/json", ""] {
            assert!(!is_grpc(other.as_bytes()), "{other}");
        }
    }
}
