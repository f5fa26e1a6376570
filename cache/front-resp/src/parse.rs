//! Where a command ends and what its arguments are.

mod ahead;
mod copied;

pub(crate) use ahead::Keys;

/// Longest command in one line (as in Redis).
const MAX_INLINE_BYTES: usize = 64 * 1024;
/// Longest line that says a number, its end included.
const MAX_NUMBER_LINE: usize = 32;
/// Most arguments of a command (as in Redis).
const MAX_ARGUMENTS: usize = 1024 * 1024;
/// Most arguments before somebody has authenticated (as in Redis).
const MAX_STRANGER_ARGUMENTS: usize = 10;
/// Longest command before somebody has authenticated: room for a token of 4 KiB.
const STRANGER_BYTES: usize = 8 * 1024;

/// How large a command may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    known: bool,
    bytes: usize,
}

impl Bounds {
    /// The bounds before somebody has authenticated.
    pub const STRANGER: Self = Self { known: false, bytes: STRANGER_BYTES };

    /// The bounds of somebody who has: so many bytes.
    #[must_use]
    pub fn known(bytes: usize) -> Self {
        // Places of arguments are kept in 32 bits.
        Self { known: true, bytes: bytes.min(1 << 30) }
    }
}

/// What a look at the bytes found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A command; the next one begins this many bytes on.
    Command(usize),
    /// Nothing to do: an empty line or no arguments. The next command begins this many bytes on.
    Nothing(usize),
    /// A part of a command, which has at least so many bytes, and at most what is allowed.
    Partial {
        /// Bytes known to be needed.
        least: usize,
        /// Whether these are all.
        last: bool,
    },
}

/// What no RESP client sends. The text follows `Protocol error: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

impl Malformed {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Reads one command, in as many steps as its bytes come in.
#[derive(Debug, Default)]
pub struct Parser {
    /// Arguments found so far: from and to.
    arguments: Vec<(u32, u32)>,
    /// What has been read of the command.
    at: usize,
    /// Arguments still to come; none before their number is known.
    left: Option<usize>,
    /// Length of the argument that is on its way.
    bulk: Option<usize>,
    /// The arguments of a command in one line, without quotes and escapes.
    line: Vec<u8>,
    inline: bool,
}

/// Arguments for which room is kept from one command to the next.
const KEPT_ARGUMENTS: usize = 64;

impl Parser {
    /// Goes on reading. `held` is what has come from the command's first byte on: the same bytes
    /// as at the call before, or more.
    ///
    /// # Errors
    /// [`Malformed`]: nothing behind it can be read.
    pub fn parse(&mut self, held: &[u8], bounds: Bounds) -> Result<Parsed, Malformed> {
        match held.first() {
            None => Ok(Parsed::Partial { least: 1, last: false }),
            Some(b'*') => self.parse_array(held, bounds),
            Some(_) => self.parse_line(held, bounds),
        }
    }

    /// The arguments of the command found; `held` as it was then. The first is the command's name.
    #[must_use]
    pub fn arguments<'a>(&'a self, held: &'a [u8]) -> Arguments<'a> {
        Arguments { bytes: if self.inline { &self.line } else { held }, places: &self.arguments }
    }

    /// Makes ready for the next command.
    pub fn next(&mut self) {
        self.arguments.clear();
        if self.arguments.capacity() > KEPT_ARGUMENTS {
            self.arguments.shrink_to(KEPT_ARGUMENTS);
        }
        if self.inline {
            self.line = Vec::new();
        }
        (self.at, self.left, self.bulk, self.inline) = (0, None, None, false);
    }

    fn parse_array(&mut self, held: &[u8], bounds: Bounds) -> Result<Parsed, Malformed> {
        let mut left = match self.left {
            Some(left) => left,
            None => {
                let Some((count, after)) = number(held, 1, "too big mbulk count string")? else {
                    return Ok(Parsed::Partial { least: held.len() + 1, last: false });
                };
                let count = count.filter(|count| *count <= MAX_ARGUMENTS as i64);
                let count = count.ok_or_else(|| Malformed::new("invalid multibulk length"))?;
                let count = usize::try_from(count).unwrap_or(0);
                if count == 0 {
                    return Ok(Parsed::Nothing(after));
                }
                if !bounds.known && count > MAX_STRANGER_ARGUMENTS {
                    return Err(Malformed::new("unauthenticated multibulk length"));
                }
                self.at = after;
                count
            }
        };
        while left > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => match self.bulk_length(held, bounds)? {
                    Some(length) => length,
                    None => {
                        self.left = Some(left);
                        return Ok(Parsed::Partial { least: held.len().max(self.at) + 1, last: false });
                    }
                },
            };
            let end = self.at + length;
            match held.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(Malformed::new("expected CRLF behind a bulk string")),
                None => {
                    (self.left, self.bulk) = (Some(left), Some(length));
                    return Ok(Parsed::Partial { least: end + 2, last: left == 1 });
                }
            }
            self.arguments.push((self.at as u32, end as u32));
            self.at = end + 2;
            self.bulk = None;
            left -= 1;
        }
        Ok(Parsed::Command(self.at))
    }

    /// Reads the line before an argument; none if it is not there yet.
    fn bulk_length(&mut self, held: &[u8], bounds: Bounds) -> Result<Option<usize>, Malformed> {
        match held.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => {
                return Err(Malformed::new(format!("expected '$', got '{}'", other.escape_ascii())));
            }
        }
        let Some((length, after)) = number(held, self.at + 1, "too big bulk count string")? else {
            return Ok(None);
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or_else(|| Malformed::new("invalid bulk length"))?;
        if length > bounds.bytes || after + length + 2 > bounds.bytes {
            return Err(match bounds.known {
                false => Malformed::new("unauthenticated bulk length"),
                true => Malformed::new(format!(
                    "invalid bulk length: the command would have more than {} bytes, the most allowed",
                    bounds.bytes
                )),
            });
        }
        self.at = after;
        Ok(Some(length))
    }

    fn parse_line(&mut self, held: &[u8], bounds: Bounds) -> Result<Parsed, Malformed> {
        let most = bounds.bytes.min(MAX_INLINE_BYTES);
        let fresh = held.get(self.at..).unwrap_or_default();
        let Some(length) = fresh.iter().position(|byte| *byte == b'\n').map(|end| self.at + end) else {
            if held.len() > most {
                return Err(Malformed::new("too big inline request"));
            }
            self.at = held.len();
            return Ok(Parsed::Partial { least: held.len() + 1, last: false });
        };
        if length > most {
            return Err(Malformed::new("too big inline request"));
        }
        let line = held.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.inline = true;
        split(line, &mut self.line, &mut self.arguments)?;
        let end = length + 1;
        Ok(if self.arguments.is_empty() { Parsed::Nothing(end) } else { Parsed::Command(end) })
    }
}

/// The number in the line from `at` on (none if it is no number) and where the next line begins;
/// none if the line has not come yet.
fn number(held: &[u8], at: usize, too_long: &str) -> Result<Option<(Option<i64>, usize)>, Malformed> {
    let rest = held.get(at..).unwrap_or_default();
    if let Some((number, length)) = short_number(rest) {
        return Ok(Some((Some(number), at + length)));
    }
    let near = rest.get(..MAX_NUMBER_LINE).unwrap_or(rest);
    let Some(end) = near.windows(2).position(|pair| pair == b"\r\n") else {
        return if near.len() < MAX_NUMBER_LINE { Ok(None) } else { Err(Malformed::new(too_long)) };
    };
    Ok(Some((crate::numbers::integer(near.get(..end).unwrap_or_default()), at + end + 2)))
}

/// Most digits of a number that is read in one go.
const SHORT_DIGITS: usize = 8;

/// A line of a few digits as nearly all are, and the line's length with its end. None is for
/// whoever looks at it closely.
fn short_number(line: &[u8]) -> Option<(i64, usize)> {
    let mut number = 0;
    for (at, byte) in line.iter().enumerate().take(SHORT_DIGITS + 1) {
        match byte {
            b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
            b'\r' if at == 1 || at > 1 && line.first() != Some(&b'0') => {
                return (line.get(at + 1) == Some(&b'\n')).then_some((number, at + 2));
            }
            _ => return None,
        }
    }
    None
}

/// Splits a line at white space, with the quotes and escapes of Redis: in double quotes `\n`, `\r`,
/// `\t`, `\b`, `\a`, `\xHH` and `\` before any other byte, in single quotes `\'` only.
fn split(line: &[u8], text: &mut Vec<u8>, places: &mut Vec<(u32, u32)>) -> Result<(), Malformed> {
    let unbalanced = || Malformed::new("unbalanced quotes in request");
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let Some(first) = rest.first() else { return Ok(()) };
        let start = text.len() as u32;
        let mut quote = None;
        if matches!(first, b'"' | b'\'') {
            quote = Some(*first);
            rest = rest.get(1..).unwrap_or_default();
        }
        loop {
            let (byte, taken) = match (quote, rest) {
                (None, []) => break,
                (None, [byte, ..]) if byte.is_ascii_whitespace() => break,
                // A quote within a word opens a quoted part of it.
                (None, [byte @ (b'"' | b'\''), tail @ ..]) => {
                    quote = Some(*byte);
                    rest = tail;
                    continue;
                }
                (Some(_), []) => return Err(unbalanced()),
                (Some(open), [byte, tail @ ..]) if *byte == open => {
                    if tail.first().is_some_and(|next| !next.is_ascii_whitespace()) {
                        return Err(unbalanced());
                    }
                    rest = tail;
                    break;
                }
                (Some(b'"'), [b'\\', b'x', high, low, ..])
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    (hex(*high) << 4 | hex(*low), 4)
                }
                (Some(b'"'), [b'\\', escaped, ..]) => (unescape(*escaped), 2),
                (Some(b'\''), [b'\\', b'\'', ..]) => (b'\'', 2),
                (_, [byte, ..]) => (*byte, 1),
            };
            text.push(byte);
            rest = rest.get(taken..).unwrap_or_default();
        }
        places.push((start, text.len() as u32));
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

/// A command's arguments, where they were read.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    bytes: &'a [u8],
    places: &'a [(u32, u32)],
}

impl<'a> Arguments<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.places.is_empty()
    }

    /// One of them; empty if there are not so many.
    #[must_use]
    pub fn get(self, index: usize) -> &'a [u8] {
        let Some((start, end)) = self.places.get(index) else { return &[] };
        self.bytes.get(*start as usize..*end as usize).unwrap_or_default()
    }

    /// Those from one on.
    #[must_use]
    pub fn from(self, index: usize) -> Self {
        Self { places: self.places.get(index..).unwrap_or_default(), ..self }
    }

    /// All of them.
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + Clone {
        (0..self.places.len()).map(move |index| self.get(index))
    }

    /// Copies of all of them, in one buffer.
    #[must_use]
    pub fn to_owned(self) -> Vec<bytes::Bytes> {
        let (Some((first, _)), Some((_, last))) = (self.places.first(), self.places.last()) else {
            return Vec::new();
        };
        let held = self.bytes.get(*first as usize..*last as usize).unwrap_or_default();
        let whole = bytes::Bytes::copy_from_slice(held);
        let place = |(start, end): &(u32, u32)| whole.slice((start - first) as usize..(end - first) as usize);
        self.places.iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: Bounds = Bounds { known: true, bytes: 1 << 20 };

    fn whole(bytes: &[u8], bounds: Bounds) -> Result<Vec<Vec<u8>>, String> {
        let mut parser = Parser::default();
        match parser.parse(bytes, bounds) {
            Ok(Parsed::Command(end)) => {
                assert_eq!(end, bytes.len());
                Ok(parser.arguments(bytes).iter().map(<[u8]>::to_vec).collect())
            }
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn lines_are_split_with_quotes_and_escapes() {
        let words = |line: &str| whole(line.as_bytes(), KNOWN);
        assert_eq!(words("PING\r\n"), Ok(vec![b"PING".to_vec()]));
        assert_eq!(
            words("set  k\t\"a b\\x41\\n\" 'it\\'s'\n"),
            Ok(vec![b"set".to_vec(), b"k".to_vec(), b"a bA\n".to_vec(), b"it's".to_vec()])
        );
        for wrong in ["set k \"open\r\n", "set k 'a'b\r\n", "set 'k\r\n"] {
            assert_eq!(words(wrong), Err("unbalanced quotes in request".to_owned()), "{wrong}");
        }
        assert_eq!(Parser::default().parse(b" \r\n", KNOWN), Ok(Parsed::Nothing(3)));
    }

    #[test]
    fn what_is_no_command_is_told() {
        for (bytes, why) in [
            (&b"*x\r\n"[..], "invalid multibulk length"),
            (b"*1048577\r\n", "invalid multibulk length"),
            (b"*1\r\nGET\r\n", "expected '$', got 'G'"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$03\r\nGET\r\n", "invalid bulk length"),
            (b"*1\r\n$\r\n", "invalid bulk length"),
            (b"*01\r\n", "invalid multibulk length"),
            (b"*123456789\r\n", "invalid multibulk length"),
            (b"*1\r\n$3\r\nGETxx", "expected CRLF behind a bulk string"),
            (b"*11111111111111111111111111111111", "too big mbulk count string"),
        ] {
            assert_eq!(whole(bytes, KNOWN), Err(why.to_owned()));
        }
        assert!(whole(b"*1\r\n$2000000\r\n", KNOWN).unwrap_err().starts_with("invalid bulk length: "));
        assert_eq!(whole(b"*11\r\n", Bounds::STRANGER), Err("unauthenticated multibulk length".into()));
        assert_eq!(whole(b"*1\r\n$9000\r\n", Bounds::STRANGER), Err("unauthenticated bulk length".into()));
        assert_eq!(whole(&[b'x'; 9000], Bounds::STRANGER), Err("too big inline request".into()));
    }

    proptest! {
        #[test]
        fn a_command_is_the_same_however_it_is_cut(
            words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
            cuts in proptest::collection::vec(1usize..9, 1..80),
        ) {
            let mut sent = format!("*{}\r\n", words.len()).into_bytes();
            for word in &words {
                sent.extend(format!("${}\r\n", word.len()).bytes());
                sent.extend(word);
                sent.extend(b"\r\n");
            }
            let mut parser = Parser::default();
            let mut came = 0;
            let mut cuts = cuts.into_iter().cycle();
            let end = loop {
                match parser.parse(&sent[..came], KNOWN).unwrap() {
                    Parsed::Command(end) => break end,
                    Parsed::Nothing(_) => unreachable!("it has arguments"),
                    Parsed::Partial { least, .. } => prop_assert!(least > came && least <= sent.len()),
                }
                came = (came + cuts.next().unwrap_or(1)).min(sent.len());
            };
            prop_assert_eq!(end, sent.len());
            let found: Vec<_> = parser.arguments(&sent).iter().map(<[u8]>::to_vec).collect();
            prop_assert_eq!(&found, &words);
            let owned: Vec<_> = parser.arguments(&sent).to_owned().iter().map(|word| word.to_vec()).collect();
            prop_assert_eq!(owned, words);
        }
    }
}
