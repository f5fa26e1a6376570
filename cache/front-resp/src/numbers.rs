//! Numbers as Redis reads and writes them.

/// An integer, written the one way there is: no sign but a minus, no zeros in front, no space.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', b'1'..=b'9', ..] | [b'1'..=b'9', ..] | b"0" => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// A number or an infinity; not NaN.
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// The shortest text that reads back as the same number, as Redis 7.2 and later write it.
pub(crate) fn text(number: f64) -> String {
    let size = number.abs();
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if size == 0.0 || (1e-5..1e17).contains(&size) {
        return format!("{}", number + 0.0);
    }
    let text = format!("{number:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

/// The same without an exponent, as sums are stored. At most 310 characters in front of the point.
pub(crate) fn plain(number: f64) -> String {
    format!("{}", number + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        for good in ["0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(integer(good.as_bytes()).map(|number| number.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "x"] {
            assert_eq!(integer(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_written_short() {
        for (number, written) in [
            (3.0, "3"),
            (-0.0, "0"),
            (3.1, "3.1"),
            (1e16, "10000000000000000"),
            (1e300, "1e+300"),
            (1e-7, "1e-7"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(number), written);
            assert_eq!(float(written.as_bytes()), Some(number));
        }
        assert_eq!(float(b"nan"), None);
    }
}
