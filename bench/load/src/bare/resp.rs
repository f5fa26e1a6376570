//! `GET key`, `SET key value`, with `PX` if there is a time to live; `+OK`, `$length`, `$-1`.

use std::io::Write as _;

use anyhow::bail;

use crate::client::Identity;
use crate::wire::Outcome;

/// `AUTH cache token`.
pub(super) fn authenticate(identity: &Identity, bytes: &mut Vec<u8>) {
    command(&[b"AUTH", identity.cache.as_bytes(), identity.token.as_bytes()], bytes);
}

/// A read, or a write of a value with a time to live in milliseconds, for ever if that is zero.
pub(super) fn request(key: &[u8], value: Option<(&[u8], u64)>, bytes: &mut Vec<u8>) {
    match value {
        None => command(&[b"GET", key], bytes),
        Some((value, 0)) => command(&[b"SET", key, value], bytes),
        Some((value, ttl)) => command(&[b"SET", key, value, b"PX", ttl.to_string().as_bytes()], bytes),
    }
}

fn command(words: &[&[u8]], bytes: &mut Vec<u8>) {
    line(b'*', words.len(), bytes);
    for word in words {
        line(b'$', word.len(), bytes);
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

fn line(kind: u8, number: usize, bytes: &mut Vec<u8>) {
    bytes.push(kind);
    // Writing to memory does not fail.
    let _ = write!(bytes, "{number}\r\n");
}

/// The answer at the head of some bytes and its length; none if it is not whole.
pub(super) fn answer(bytes: &[u8]) -> anyhow::Result<Option<(Outcome, usize)>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = bytes.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        b"+OK" => Ok(Some((Outcome::Stored, end + 1))),
        b"$-1" | b"_" => Ok(Some((Outcome::Miss, end + 1))),
        [b'$', digits @ ..] => {
            let Some(length) = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<usize>().ok())
            else {
                bail!("the server answered a length of {:?}", digits.escape_ascii().to_string());
            };
            let whole = end + 1 + length + 2;
            Ok((bytes.len() >= whole).then_some((Outcome::Hit, whole)))
        }
        other => bail!("the server answered {:?}", other.escape_ascii().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_arrays_of_bulk_strings() {
        let mut bytes = Vec::new();
        request(b"k", None, &mut bytes);
        request(b"k", Some((b"ab", 0)), &mut bytes);
        request(b"k", Some((b"", 300)), &mut bytes);
        let expected = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nab\r\n\
                        *5\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n$2\r\nPX\r\n$3\r\n300\r\n";
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    #[test]
    fn answers_are_read_when_they_are_whole() {
        for (bytes, outcome) in [
            (&b"+OK\r\n"[..], Outcome::Stored),
            (b"$2\r\nab\r\n", Outcome::Hit),
            (b"$-1\r\n", Outcome::Miss),
            (b"_\r\n", Outcome::Miss),
        ] {
            let more = [bytes, b"+"].concat();
            assert_eq!(answer(&more).ok().flatten(), Some((outcome, bytes.len())));
            for cut in 0..bytes.len() {
                assert!(matches!(answer(&bytes[..cut]), Ok(None)), "{cut}");
            }
        }
        assert!(answer(b"-ERR no\r\n").is_err_and(|error| error.to_string().contains("-ERR no")));
        assert!(answer(b"$x\r\n").is_err());
    }
}
