//! What a command has found, as text and as JSON.
//!
//! Text: one thing is its bytes and a newline; several are a line each, the parts of a line
//! separated by tabs. Bytes are written as they are. JSON: one object on one line, in which bytes
//! that are no UTF-8 text are `{"base64": "…"}`, and what is not there is `null`.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What a command has found.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// The command is done, and there is nothing to say.
    Done,
    /// There is no such item.
    Miss,
    /// One thing, and what JSON calls it.
    One(&'static str, Cell),
    /// Rows, what JSON calls them, and what it calls the cells of each; a row of one cell is that
    /// cell.
    Many(&'static str, &'static [&'static str], Vec<Vec<Cell>>),
}

/// One part of an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Cell {
    Bytes(Vec<u8>),
    Integer(i128),
    Score(f64),
    Flag(bool),
    /// Not there: text leaves the row out.
    Absent,
}

impl Answer {
    /// The length of something.
    pub(crate) fn length(length: u32) -> Self {
        Self::One("length", length.into())
    }

    /// Rows of one cell of bytes each.
    pub(crate) fn values(name: &'static str, values: Vec<Vec<u8>>) -> Self {
        Self::Many(name, &["value"], values.into_iter().map(|value| vec![value.into()]).collect())
    }

    /// Writes the text; `bare` leaves out the newline behind a value that stands alone.
    pub(crate) fn write_text(&self, out: &mut impl Write, bare: bool) -> io::Result<()> {
        match self {
            Self::Done | Self::Miss => Ok(()),
            Self::One(_, Cell::Bytes(bytes)) if bare => out.write_all(bytes),
            Self::One(_, cell) => {
                cell.write_text(out)?;
                out.write_all(b"\n")
            }
            Self::Many(_, _, rows) => {
                for row in rows.iter().filter(|row| !row.contains(&Cell::Absent)) {
                    for (at, cell) in row.iter().enumerate() {
                        if at > 0 {
                            out.write_all(b"\t")?;
                        }
                        cell.write_text(out)?;
                    }
                    out.write_all(b"\n")?;
                }
                Ok(())
            }
        }
    }

    /// Writes the JSON object and a newline.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Done | Self::Miss => {}
            Self::One(name, cell) => map.serialize_entry(name, cell)?,
            Self::Many(name, columns, rows) => map.serialize_entry(name, &Rows { columns, rows })?,
        }
        map.end()
    }
}

struct Rows<'a> {
    columns: &'a [&'static str],
    rows: &'a [Vec<Cell>],
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.columns {
            [_] => serializer.collect_seq(self.rows.iter().flatten()),
            columns => serializer.collect_seq(self.rows.iter().map(|row| Row { columns, row })),
        }
    }
}

struct Row<'a> {
    columns: &'a [&'static str],
    row: &'a [Cell],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(self.row))
    }
}

impl Cell {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => out.write_all(bytes),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Score(score) => write!(out, "{score}"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Absent => Ok(()),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => Base64(bytes).serialize(serializer),
            },
            Self::Integer(number) => serializer.serialize_i128(*number),
            // JSON has no number for the infinite ones: a string, as text has it.
            Self::Score(score) if !score.is_finite() => serializer.collect_str(score),
            Self::Score(score) => serializer.serialize_f64(*score),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Absent => serializer.serialize_none(),
        }
    }
}

/// Bytes that are not to be taken for text.
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("base64", STANDARD.encode(self.0))])
    }
}

impl From<Vec<u8>> for Cell {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for Cell {
    fn from(score: f64) -> Self {
        Self::Score(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer, bare: bool) -> Vec<u8> {
        let mut out = Vec::new();
        answer.write_text(&mut out, bare).unwrap();
        out
    }

    fn json(answer: &Answer) -> String {
        let mut out = Vec::new();
        answer.write_json(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_its_bytes_and_in_json_a_string_or_base64() {
        let value = |bytes: &[u8]| Answer::One("value", bytes.to_vec().into());
        assert_eq!(text(&value(b"\xff\0"), false), b"\xff\0\n");
        assert_eq!(text(&value(b"\xff\0"), true), b"\xff\0");
        assert_eq!(json(&value("\"値\"\n".as_bytes())), "{\"value\":\"\\\"値\\\"\\n\"}\n");
        assert_eq!(json(&value(b"\xff\0")), "{\"value\":{\"base64\":\"/wA=\"}}\n");
        assert_eq!(json(&value(b"")), "{\"value\":\"\"}\n");
    }

    #[test]
    fn rows_are_lines_and_what_is_absent_is_null() {
        let rows = vec![vec!["a".to_owned().into(), Cell::Absent], vec!["b".to_owned().into(), 1.5.into()]];
        let answer = Answer::Many("elements", &["value", "score"], rows);
        assert_eq!(text(&answer, false), b"b\t1.5\n");
        assert_eq!(
            json(&answer),
            "{\"elements\":[{\"value\":\"a\",\"score\":null},{\"value\":\"b\",\"score\":1.5}]}\n"
        );
        let values = Answer::values("values", vec![b"x".to_vec(), b"\xff".to_vec()]);
        assert_eq!(text(&values, true), b"x\n\xff\n");
        assert_eq!(json(&values), "{\"values\":[\"x\",{\"base64\":\"/w==\"}]}\n");
        assert_eq!(json(&Answer::values("values", vec![])), "{\"values\":[]}\n");
    }

    #[test]
    fn numbers_keep_every_digit() {
        for (cell, as_text, as_json) in [
            (Cell::from(i64::MIN), "-9223372036854775808", "-9223372036854775808"),
            (Cell::from(u64::MAX), "18446744073709551615", "18446744073709551615"),
            (Cell::from(27.004309862363737), "27.004309862363737", "27.004309862363737"),
            (Cell::from(1.0), "1", "1.0"),
            (Cell::from(f64::NEG_INFINITY), "-inf", "\"-inf\""),
        ] {
            let answer = Answer::One("value", cell);
            assert_eq!(text(&answer, true), format!("{as_text}\n").as_bytes());
            assert_eq!(json(&answer), format!("{{\"value\":{as_json}}}\n"));
        }
        assert_eq!((text(&Answer::Done, false), json(&Answer::Done).as_str()), (vec![], "{}\n"));
    }
}
