//! The head of a request: its method, its path, its fields.

use std::sync::Arc;

use crate::hpack::{self, Decoder, ENTRY_BYTES};

/// The head of a request, checked as RFC 9113, section 8 asks. All names are in lower case, and names and values are
/// free of what could end a line.
#[derive(Debug)]
pub struct Head {
    /// Names and values behind one another.
    text: Box<[u8]>,
    fields: Box<[Field]>,
    /// What begins with a colon, in the order of [`PSEUDO`].
    pseudo: [Option<Field>; PSEUDO.len()],
}

const PSEUDO: [&[u8]; 4] = [b":method", b":path", b":scheme", b":authority"];

/// Where the name begins, the value begins, and the value ends.
#[derive(Clone, Copy, Debug)]
struct Field(u32, u32, u32);

impl Head {
    /// `:method`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.pseudo(0)
    }

    /// `:path`, with its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.pseudo(1)
    }

    /// `:scheme`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.pseudo(2)
    }

    /// `:authority`; empty if the peer sent none.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.pseudo(3)
    }

    /// The value of the first field of this name, which is in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| field.0 == name.as_bytes()).map(|(_, value)| value)
    }

    /// All fields as they came.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (self.span(field.0, field.1), self.span(field.1, field.2)))
    }

    fn span(&self, from: u32, to: u32) -> &[u8] {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }

    /// They were found to be UTF-8.
    fn pseudo(&self, which: usize) -> &str {
        let value = self.pseudo[which].map_or(&[][..], |field| self.span(field.1, field.2));
        std::str::from_utf8(value).unwrap_or_default()
    }
}

/// What a header block turned out to be.
pub(crate) enum Read {
    /// Of a request, or the fields behind one.
    Whole(Arc<Head>),
    /// Not a request's.
    Malformed,
    /// More than is taken.
    TooLarge,
}

/// Blocks that are remembered, and the longest of them: with a token written out, as clients built on `h2` do for every
/// call. Calls of one client differ in little more than their path.
const REMEMBERED: usize = 4;
const REMEMBERED_BYTES: usize = 1024;

/// Reads header blocks.
///
/// A client sends the same bytes for each call of a kind, and as long as the table does not change they say the same. So
/// the last few are remembered.
pub(crate) struct Heads {
    decoder: Decoder,
    max_bytes: usize,
    remembered: Vec<(Box<[u8]>, Arc<Head>)>,
    /// The decoder's count of changes that they hold for.
    changes: u64,
    /// Which of them goes next.
    oldest: usize,
}

impl Heads {
    /// Takes heads of up to `max_bytes`, counted as RFC 9113, section 6.5.2 counts SETTINGS_MAX_HEADER_LIST_SIZE.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { decoder: Decoder::new(), max_bytes, remembered: Vec::new(), changes: 0, oldest: 0 }
    }

    /// The most bytes of a head.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Reads a request's block.
    pub(crate) fn request(&mut self, block: &[u8]) -> Result<Read, hpack::Malformed> {
        if let Some((_, head)) = self.remembered.iter().find(|(known, _)| **known == *block) {
            return Ok(Read::Whole(head.clone()));
        }
        let read = self.read(block)?.finish();
        if self.changes != self.decoder.changes() {
            self.changes = self.decoder.changes();
            self.remembered.clear();
        } else if let Read::Whole(head) = &read
            && block.len() <= REMEMBERED_BYTES
        {
            if self.remembered.len() < REMEMBERED {
                self.remembered.push((block.into(), head.clone()));
            } else {
                self.oldest = (self.oldest + 1) % REMEMBERED;
                self.remembered[self.oldest] = (block.into(), head.clone());
            }
        }
        Ok(read)
    }

    /// Reads a block of trailers; whether it is one.
    pub(crate) fn trailers(&mut self, block: &[u8]) -> Result<bool, hpack::Malformed> {
        let building = self.read(block)?;
        if self.changes != self.decoder.changes() {
            self.changes = self.decoder.changes();
            self.remembered.clear();
        }
        Ok(!building.malformed && !building.too_large && building.pseudo.iter().all(Option::is_none))
    }

    fn read(&mut self, block: &[u8]) -> Result<Building, hpack::Malformed> {
        let mut building = Building { left: self.max_bytes, ..Building::default() };
        self.decoder.decode(block, |name, value| building.take(name, value))?;
        Ok(building)
    }
}

#[derive(Default)]
struct Building {
    text: Vec<u8>,
    fields: Vec<Field>,
    pseudo: [Option<Field>; PSEUDO.len()],
    /// Bytes that may still come.
    left: usize,
    malformed: bool,
    too_large: bool,
}

impl Building {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        if self.malformed || self.too_large {
            return;
        }
        let Some(left) = self.left.checked_sub(name.len() + value.len() + ENTRY_BYTES) else {
            self.too_large = true;
            return;
        };
        self.left = left;
        let begin = self.text.len() as u32;
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        let field = Field(begin, begin + name.len() as u32, self.text.len() as u32);
        if name.first() != Some(&b':') {
            self.malformed = !is_name(name) || !is_value(value) || is_of_connection(name, value);
            self.fields.push(field);
            return;
        }
        let place = PSEUDO.iter().position(|pseudo| *pseudo == name).map(|which| &mut self.pseudo[which]);
        match place {
            // Each once, and before all others.
            Some(place @ None) if self.fields.is_empty() && is_value(value) && value.is_ascii() => {
                *place = Some(field);
            }
            _ => self.malformed = true,
        }
    }

    fn finish(self) -> Read {
        if self.too_large {
            return Read::TooLarge;
        }
        let [method, path, scheme, _] = self.pseudo;
        let filled = |field: Option<Field>| field.is_some_and(|Field(_, from, to)| to > from);
        // A proxy's method has neither path nor scheme (RFC 9113, section 8.5), and this is none.
        let is_connect =
            method.is_some_and(|Field(_, from, to)| self.text[from as usize..to as usize] == *b"CONNECT");
        if self.malformed || is_connect || !filled(method) || !filled(path) || !filled(scheme) {
            return Read::Malformed;
        }
        Read::Whole(Arc::new(Head {
            text: self.text.into_boxed_slice(),
            fields: self.fields.into_boxed_slice(),
            pseudo: self.pseudo,
        }))
    }
}

/// Whether it is a token (RFC 9110, section 5.6.2) in lower case.
fn is_name(name: &[u8]) -> bool {
    let is_token =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(is_token)
}

/// Whether a value is free of what no line has. Space around it, which RFC 9113, section 8.2.1 calls malformed, is taken
/// as it is: some clients send what their users gave them, and a refused token says more than a stream that is reset.
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Whether a field is one that HTTP/2 does not have (RFC 9113, section 8.2.2).
fn is_of_connection(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => true,
        b"te" => !value.eq_ignore_ascii_case(b"trailers"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of literals that are not kept.
    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                block.push(text.len() as u8);
                block.extend_from_slice(text.as_bytes());
            }
        }
        block
    }

    fn read(fields: &[(&str, &str)]) -> Read {
        Heads::new(1024).request(&block(fields)).unwrap()
    }

    const LINE: [(&str, &str); 3] = [(":method", "POST"), (":scheme", "http"), (":path", "/a")];

    #[test]
    fn a_head_says_what_came() {
        let fields =
            [&LINE[..], &[(":authority", "host"), ("cache", "c"), ("te", "trailers"), ("cache", "d")]];
        let Read::Whole(head) = read(&fields.concat()) else { panic!("it is whole") };
        assert_eq!((head.method(), head.scheme(), head.path()), ("POST", "http", "/a"));
        assert_eq!(head.authority(), "host");
        assert_eq!(head.get("cache"), Some(&b"c"[..]));
        assert_eq!(head.get("cach"), None);
        assert_eq!(head.fields().count(), 3);
    }

    #[test]
    fn what_no_request_has_is_malformed() {
        for more in [
            ("Cache", "c"),
            ("a b", "c"),
            ("", "c"),
            ("cache", "a\r\nb"),
            ("cache", "a\0"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip"),
            (":path", "/b"),
            (":status", "200"),
            (":other", ""),
        ] {
            assert!(matches!(read(&[&LINE[..], &[more]].concat()), Read::Malformed), "{more:?}");
        }
        for missing in 0..LINE.len() {
            let mut fields = LINE.to_vec();
            fields.remove(missing);
            assert!(matches!(read(&fields), Read::Malformed), "{fields:?}");
        }
        assert!(matches!(read(&[LINE[0], ("cache", "c"), LINE[1], LINE[2]]), Read::Malformed));
    }

    #[test]
    fn a_head_is_as_large_as_granted_and_no_larger() {
        // 32 bytes and its own for each field.
        let line: usize = LINE.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        for (bytes, fits) in [(line + 32 + 2, true), (line + 32 + 1, false)] {
            let read = Heads::new(bytes).request(&block(&[&LINE[..], &[("a", "b")]].concat())).unwrap();
            assert_eq!(matches!(read, Read::Whole(_)), fits);
            assert_eq!(matches!(read, Read::TooLarge), !fits);
        }
    }

    #[test]
    fn the_same_bytes_say_something_else_once_the_table_has_changed() {
        let mut heads = Heads::new(1024);
        let keep = |value: &str| [&[0x40, 1, b'k', value.len() as u8], value.as_bytes()].concat();
        let said = |heads: &mut Heads, block: &[u8]| match heads.request(block).unwrap() {
            Read::Whole(head) => String::from_utf8(head.get("k").unwrap().to_vec()).unwrap(),
            _ => panic!("it is whole"),
        };
        let line = [0x83, 0x86, 0x84];
        let newest = [&line[..], &[0xbe]].concat();
        assert_eq!(said(&mut heads, &[&line[..], &keep("one")].concat()), "one");
        for _ in 0..3 {
            assert_eq!(said(&mut heads, &newest), "one");
        }
        assert!(heads.trailers(&keep("two")).unwrap());
        assert_eq!(said(&mut heads, &newest), "two");
        // More blocks than are remembered.
        for value in ["a", "b", "c", "d", "e", "f"] {
            let other = [&newest[..], &block(&[("other", value)])].concat();
            assert_eq!(said(&mut heads, &other), "two");
            assert_eq!(said(&mut heads, &other), "two");
        }
    }
}
