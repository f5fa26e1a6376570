//! A reader of protobuf fields that borrows from the message and allocates nothing.
//!
//! The wire format: <https://protobuf.dev/programming-guides/encoding/>. Unknown fields are
//! passed over, as protobuf asks; a message that ends inside a field is an error.

/// A field's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: bytes, text or a message.
    Bytes(&'a [u8]),
    /// Wire types 1 and 5, which no message read here uses.
    Fixed,
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// It ends inside a field.
    #[error("the message ends inside a field")]
    Truncated,
    /// A varint of over ten bytes, or one that does not fit 64 bits.
    #[error("the message has a varint of over 64 bits")]
    LongVarint,
    /// A field number of zero or beyond 2^29 - 1.
    #[error("the message has field number {0}")]
    Number(u64),
    /// A wire type that protobuf does not define, or a group.
    #[error("the message has wire type {0}")]
    WireType(u8),
}

/// The fields of one message, in order.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads `message`.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, FieldError> {
        // Tags of the first fifteen fields, and most lengths.
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, FieldError> {
        let mut value = 0_u64;
        for (at, &byte) in self.rest.iter().enumerate().take(10) {
            if at == 9 && byte > 1 {
                return Err(FieldError::LongVarint);
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { FieldError::Truncated } else { FieldError::LongVarint })
    }

    #[inline]
    fn take(&mut self, count: u64) -> Result<&'a [u8], FieldError> {
        let count = usize::try_from(count).map_err(|_| FieldError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(FieldError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn field(&mut self) -> Result<(u32, Payload<'a>), FieldError> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or(FieldError::Number(tag >> 3))?;
        let payload = match tag & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => self.take(8).map(|_| Payload::Fixed)?,
            2 => {
                let length = self.varint()?;
                Payload::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Payload::Fixed)?,
            other => return Err(FieldError::WireType(u8::try_from(other).unwrap_or(u8::MAX))),
        };
        Ok((number, payload))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Payload<'a>), FieldError>;

    // What a caller does not look at is not made: for the few fields of a hot message that is most of the reading.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Appends a varint.
pub fn put_varint(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    buffer.push(u8::try_from(value).unwrap_or_default());
}

/// How many bytes a varint takes.
#[must_use]
pub fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_messages_are_told_apart() {
        let read = |bytes: &[u8]| Fields::of(bytes).collect::<Result<Vec<_>, _>>().map(|fields| fields.len());
        assert_eq!(read(&[]), Ok(0));
        assert_eq!(read(&[0x0a, 5, 1]), Err(FieldError::Truncated));
        assert_eq!(read(&[0x08]), Err(FieldError::Truncated));
        assert_eq!(
            read(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]),
            Err(FieldError::LongVarint)
        );
        assert_eq!(read(&[0x02, 0]), Err(FieldError::Number(0)));
        assert_eq!(read(&[0x0b]), Err(FieldError::WireType(3)));
        assert_eq!(read(&[0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), Err(FieldError::Truncated));
    }

    proptest! {
        #[test]
        fn varints_survive(value: u64) {
            let mut buffer = Vec::new();
            put_varint(&mut buffer, value);
            prop_assert_eq!(buffer.len(), varint_len(value));
            prop_assert_eq!(Fields::of(&buffer).varint(), Ok(value));
        }

        #[test]
        fn any_bytes_end_in_fields_or_one_error(bytes: Vec<u8>) {
            let fields: Vec<_> = Fields::of(&bytes).collect();
            prop_assert!(fields.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
