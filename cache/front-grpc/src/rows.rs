//! Answers of many elements, encoded piece by piece from where the elements are.
//!
//! A gRPC message begins with its length, so the elements are gone through twice: once to measure
//! them, once to send them. Between slices of them other calls get their turn. What is held is the
//! window on the collection and one piece.

use bytes::Bytes;
use kura_commands::{Dictionary, Elements, Fields, Scored};
use kura_wire::{Code, Status};

use crate::answer::{DOUBLE_BYTES, HIT, MISS, put_bytes, put_double};
use crate::fields::{put_varint, varint_len};
use crate::respond::{AT_ONCE_BYTES, Broken, Messages};
use crate::scalar::Answer;

/// Rows measured before other tasks get their turn: some 50 µs of work.
const SLICE: u64 = 2048;
/// The same for rows that have to be looked up.
const LOOKED_UP_SLICE: u64 = 128;

/// Bytes of a piece, rounded up to whole rows: some 50 µs of work if the rows are short.
const PIECE_BYTES: usize = 32 * 1024;

/// Rows, and the messages around them.
pub(crate) struct Rows {
    source: Source,
    /// The tags of the messages around the rows, the outermost first. The rows are field 1 of the
    /// innermost.
    around: &'static [u8],
}

/// Where rows come from.
enum Source {
    Fields(Fields),
    Elements(Elements),
    Scored(Scored),
    /// The values of [`Scored`] without their scores.
    Unscored(Scored),
    /// The values of these fields.
    Values(Dictionary, Vec<Bytes>),
    Scores(Vec<Option<f64>>),
}

/// One element of an answer.
#[derive(Clone, Copy)]
enum Row<'a> {
    Bytes(&'a [u8]),
    /// `{ field, value }`
    Pair(&'a [u8], &'a [u8]),
    /// `{ value, score }`
    Scored(&'a [u8], f64),
    /// `{ Hit, cache_body }`
    Value(&'a [u8]),
    /// `{ Hit, score }`
    Score(f64),
    /// `{ Miss }`
    Miss,
}

impl Rows {
    /// `found { repeated { field, value } }`.
    pub(crate) fn fields(fields: Fields) -> Self {
        Self { source: Source::Fields(fields), around: &[0x0a] }
    }

    /// `found { repeated bytes }`.
    pub(crate) fn elements(elements: Elements) -> Self {
        Self { source: Source::Elements(elements), around: &[0x0a] }
    }

    /// `found { values_with_scores { repeated { value, score } } }` or
    /// `found { values { repeated bytes } }`.
    pub(crate) fn scored(elements: Scored, with_scores: bool) -> Self {
        if with_scores {
            Self { source: Source::Scored(elements), around: &[0x0a, 0x0a] }
        } else {
            Self { source: Source::Unscored(elements), around: &[0x0a, 0x12] }
        }
    }

    /// `found { repeated { result, cache_body } }`.
    pub(crate) fn values(dictionary: Dictionary, fields: Vec<Bytes>) -> Self {
        Self { source: Source::Values(dictionary, fields), around: &[0x0a] }
    }

    /// `found { repeated { result, score } }`.
    pub(crate) fn scores(scores: Vec<Option<f64>>) -> Self {
        Self { source: Source::Scores(scores), around: &[0x0a] }
    }

    /// The whole answer if it is small; else as it was.
    pub(crate) fn at_once(self) -> Result<Answer, Self> {
        let mut measured = Cursor::default();
        if self.len() > self.slice() || !self.measure(&mut measured) {
            return Err(self);
        }
        let Ok(mut frame) = self.head_of(measured.bytes) else { return Err(self) };
        if frame.len() as u64 + measured.bytes > AT_ONCE_BYTES as u64 {
            return Err(self);
        }
        frame.reserve_exact(usize::try_from(measured.bytes).unwrap_or_default());
        self.each(0, |row| {
            row.put(&mut frame);
            true
        });
        Ok(Answer { head: frame.into(), tail: None })
    }

    /// Measures all rows; the frame up to the first of them.
    pub(crate) async fn head(&self) -> Result<Bytes, Status> {
        let mut measured = Cursor::default();
        while !self.measure(&mut measured) {
            tokio::task::yield_now().await;
        }
        Ok(self.head_of(measured.bytes)?.into())
    }

    /// Sends all rows.
    pub(crate) async fn send(&self, messages: &mut Messages) -> Result<(), Broken> {
        let mut next = 0;
        while next < self.len() {
            let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
            let until = next.saturating_add(self.slice());
            self.each(next, |row| {
                row.put(&mut piece);
                next += 1;
                piece.len() < PIECE_BYTES && next < until
            });
            messages.send(piece.into()).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Bytes of elements that are held for this answer alone.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.source {
            Source::Values(_, fields) => PIECE_BYTES + fields.len() * size_of::<Bytes>(),
            _ => PIECE_BYTES,
        }
    }

    fn slice(&self) -> u64 {
        match &self.source {
            Source::Values(..) => LOOKED_UP_SLICE,
            Source::Elements(elements) if elements.is_scattered() => LOOKED_UP_SLICE,
            _ => SLICE,
        }
    }

    fn len(&self) -> u64 {
        match &self.source {
            Source::Fields(fields) => fields.len(),
            Source::Elements(elements) => elements.len(),
            Source::Scored(elements) | Source::Unscored(elements) => elements.len(),
            Source::Values(_, fields) => fields.len() as u64,
            Source::Scores(scores) => scores.len() as u64,
        }
    }

    /// Measures a slice of rows; whether it was the last.
    fn measure(&self, measured: &mut Cursor) -> bool {
        let until = measured.row.saturating_add(self.slice()).min(self.len());
        self.each(measured.row, |row| {
            measured.bytes += row.field_bytes() as u64;
            measured.row += 1;
            measured.row < until
        });
        measured.row >= self.len()
    }

    /// The frame's prefix and the heads of the messages around rows of so many bytes.
    fn head_of(&self, row_bytes: u64) -> Result<Vec<u8>, Status> {
        let mut lengths = Vec::with_capacity(self.around.len());
        let mut length = row_bytes;
        for _ in self.around {
            lengths.push(length);
            length += 1 + varint_len(length) as u64;
        }
        let Ok(message_bytes) = u32::try_from(length) else {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!("the answer has {length} bytes; a message has at most {}: ask for less", u32::MAX),
            ));
        };
        let mut head = Vec::with_capacity(16);
        head.push(0);
        head.extend_from_slice(&message_bytes.to_be_bytes());
        for (&tag, &length) in self.around.iter().zip(lengths.iter().rev()) {
            head.push(tag);
            put_varint(&mut head, length);
        }
        Ok(head)
    }

    /// Hands over rows from one on, until `take` has enough.
    fn each(&self, from: u64, mut take: impl FnMut(Row<'_>) -> bool) {
        let from_usize = usize::try_from(from).unwrap_or(usize::MAX);
        // `all` ends when `take` has enough.
        let _ = match &self.source {
            Source::Fields(fields) => {
                fields.iter_from(from).all(|(field, value)| take(Row::Pair(field, value)))
            }
            Source::Elements(elements) => elements.iter_from(from).all(|element| take(Row::Bytes(element))),
            Source::Scored(elements) => {
                elements.iter_from(from).all(|(value, score)| take(Row::Scored(value, score)))
            }
            Source::Unscored(elements) => elements.iter_from(from).all(|(value, _)| take(Row::Bytes(value))),
            Source::Values(dictionary, fields) => fields
                .iter()
                .skip(from_usize)
                .all(|field| take(dictionary.get(field).map_or(Row::Miss, Row::Value))),
            Source::Scores(scores) => {
                scores.iter().skip(from_usize).all(|score| take(score.map_or(Row::Miss, Row::Score)))
            }
        };
    }
}

/// How far rows have been gone through.
#[derive(Default)]
struct Cursor {
    row: u64,
    bytes: u64,
}

impl Row<'_> {
    /// Bytes of the row itself.
    fn bytes(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Pair(field, value) => bytes_field(field) + bytes_field(value),
            Self::Scored(value, score) => bytes_field(value) + double_field(score),
            Self::Value(value) => 2 + bytes_field(value),
            Self::Score(score) => 2 + double_field(score),
            Self::Miss => 2,
        }
    }

    /// Bytes of the row as a field of the message around it.
    fn field_bytes(self) -> usize {
        let bytes = self.bytes();
        1 + varint_len(bytes as u64) + bytes
    }

    fn put(self, buffer: &mut Vec<u8>) {
        buffer.push(0x0a);
        put_varint(buffer, self.bytes() as u64);
        // Of messages, what is empty or zero is left out, as proto3 does.
        let put = |buffer: &mut Vec<u8>, field, bytes: &[u8]| {
            if !bytes.is_empty() {
                put_bytes(buffer, field, bytes);
            }
        };
        match self {
            Self::Bytes(bytes) => buffer.extend_from_slice(bytes),
            Self::Pair(field, value) => {
                put(buffer, 1, field);
                put(buffer, 2, value);
            }
            Self::Scored(value, score) => {
                put(buffer, 1, value);
                put_double(buffer, 2, score);
            }
            Self::Value(value) => {
                buffer.extend_from_slice(&[0x08, HIT]);
                put(buffer, 2, value);
            }
            Self::Score(score) => {
                buffer.extend_from_slice(&[0x08, HIT]);
                put_double(buffer, 2, score);
            }
            Self::Miss => buffer.extend_from_slice(&[0x08, MISS]),
        }
    }
}

fn bytes_field(bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { 1 + varint_len(bytes.len() as u64) + bytes.len() }
}

fn double_field(score: f64) -> usize {
    if score == 0.0 { 0 } else { DOUBLE_BYTES }
}
