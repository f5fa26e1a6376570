//! The journal's lines.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use kura_model::{Event, State, follow};
use serde::{Deserialize, Serialize};

use super::JournalError;

/// A line that is read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    State(Box<State>),
    Event(Box<Event>),
}

/// A line that is written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    State(&'a State),
    Event(&'a Event),
}

/// What a journal leads to.
#[derive(Default)]
pub(super) struct Replayed {
    /// `None` for an empty journal.
    pub(super) state: Option<State>,
    /// The length of its first line.
    pub(super) begin_bytes: u64,
    /// The length of what is sound.
    pub(super) sound_bytes: u64,
}

/// Reads a journal.
///
/// # Errors
/// [`JournalError::Damaged`] where the first line is broken, sound lines follow a broken one, or an event does not follow from those before.
pub(super) fn replay(mut file: &File, path: &Path) -> Result<Replayed, JournalError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| JournalError::Io { path: path.to_owned(), error })?;
    let damaged = |line, reason: String| JournalError::Damaged { path: path.to_owned(), line, reason };
    let mut replayed = Replayed::default();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..);
    for (line, number) in &mut lines {
        let record = match parse(line) {
            Ok(record) => record,
            // Sound lines after a broken one: the broken one was once whole and acknowledged.
            Err(reason) if lines.any(|(later, _)| parse(later).is_ok()) => {
                return Err(damaged(number, reason));
            }
            // The beginning is put in place whole, so no crash can have torn it.
            Err(reason) if number == 1 => return Err(damaged(number, reason)),
            Err(_) => break,
        };
        replayed.state = Some(match (record, replayed.state.take()) {
            (Record::State(begin), None) => {
                replayed.begin_bytes = line.len() as u64;
                *begin
            }
            (Record::State(_), Some(_)) => return Err(damaged(number, "a second beginning".to_owned())),
            (Record::Event(_), None) => {
                return Err(damaged(number, "an event before the beginning".to_owned()));
            }
            (Record::Event(event), Some(state)) => {
                follow(state, &event).map_err(|refused| damaged(number, refused.to_string()))?
            }
        });
        replayed.sound_bytes += line.len() as u64;
    }
    Ok(replayed)
}

/// A line as it is written.
///
/// # Errors
/// None that a state or an event can cause.
pub(super) fn line(record: &Line<'_>) -> io::Result<Vec<u8>> {
    // The checksum's place, filled once the rest is there.
    let mut line = b"00000000 ".to_vec();
    serde_json::to_writer(&mut line, record)?;
    let sum = crc32c::crc32c(&line[9..]);
    line[..8].copy_from_slice(format!("{sum:08x}").as_bytes());
    line.push(b'\n');
    Ok(line)
}

fn parse(line: &[u8]) -> Result<Record, String> {
    let text = line.strip_suffix(b"\n").ok_or("the line does not end")?;
    let (sum, json) = text.split_at_checked(9).ok_or("the line is too short")?;
    let sum = std::str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum.trim_end(), 16).ok());
    if sum != Some(crc32c::crc32c(json)) {
        return Err("its checksum does not match".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}
