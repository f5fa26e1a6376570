//! Patterns of keys, as Redis has them: `*`, `?`, `[abc]`, `[^a-c]`, and `\` before any of these.

use crate::reply::Failure;

/// Longest pattern: matching takes as long as the pattern times the text.
const MOST_BYTES: usize = 1024;
/// Longest pattern that is matched where others wait.
pub(crate) const SHORT_BYTES: usize = 32;

/// Refuses a pattern that is too long.
pub(crate) fn check(pattern: &[u8]) -> Result<(), Failure> {
    let bytes = pattern.len();
    if bytes > MOST_BYTES {
        return Err(Failure::said(format!(
            "ERR the pattern has {bytes} bytes; at most {MOST_BYTES} are allowed"
        )));
    }
    Ok(())
}

/// Whether a pattern matches all of a text. Takes as long as the one times the other at most.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on if what follows the last star does not match: behind the star, one byte on.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            again = Some((rest, text));
            pattern = rest;
            continue;
        }
        match one(pattern, text) {
            Some((rest, left)) => (pattern, text) = (rest, left),
            None if pattern.is_empty() && text.is_empty() => return true,
            None => match again {
                Some((behind, [_, left @ ..])) => {
                    again = Some((behind, left));
                    (pattern, text) = (behind, left);
                }
                _ => return false,
            },
        }
    }
}

/// Takes what stands for one byte off the pattern, and that byte off the text.
fn one<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Option<(&'p [u8], &'t [u8])> {
    let (byte, left) = text.split_first()?;
    let rest = match pattern {
        [] => return None,
        [b'?', rest @ ..] => rest,
        [b'[', rest @ ..] => class(rest, *byte)?,
        [b'\\', escaped, rest @ ..] => (escaped == byte).then_some(rest)?,
        [literal, rest @ ..] => (literal == byte).then_some(rest)?,
    };
    Some((rest, left))
}

/// What follows a class of bytes, if the byte is in it. One that is not closed ends with the pattern.
fn class(mut pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = pattern.get(1..)?;
    }
    let mut found = false;
    loop {
        pattern = match pattern {
            [] => break,
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [b'\\', escaped, rest @ ..] => {
                found |= *escaped == byte;
                rest
            }
            [low, b'-', high, rest @ ..] => {
                let (low, high) = (low.min(high), low.max(high));
                found |= (*low..=*high).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
    (found != negated).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_what_redis_says() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a**b*c", "axxbyyc", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("h[a-c]llo", "hdllo", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("[\\]]", "]", true),
            ("[abc", "c", true),
            ("*[", "a[", false),
            ("user:*:name", "user:1:2:name", true),
            ("a*", "b", false),
            ("*a", "bba", true),
            ("*a", "bab", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_pattern_full_of_stars_takes_no_longer_than_it_has_to() {
        let text = [b'a'; 20_000];
        assert!(!matches(b"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", &text));
    }
}
