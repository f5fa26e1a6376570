//! Where results go: standard output, on which nothing else goes, or the file of `--output`; and
//! notes on standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use crate::Outcome;
use crate::answer::Answer;
use crate::args::Printing;
use crate::error::CliError;

/// Writes what a command finds, in the form and to the place that its user chose.
pub(crate) struct Output {
    json: bool,
    place: Place,
}

enum Place {
    Stdout,
    File(Destination),
}

impl Output {
    /// Opens the file, if one is asked for: before the call, because what a pop has taken cannot be
    /// asked for again.
    pub(crate) fn open(how: Printing) -> Result<Self, CliError> {
        let Printing { json, output } = how;
        let place = match output {
            None => Place::Stdout,
            Some(path) => Place::File(Destination::open(path)?),
        };
        Ok(Self { json, place })
    }

    /// Whether JSON is asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes an answer; a miss leaves no trace, and a file as it was.
    pub(crate) fn answer(&mut self, answer: &Answer) -> Result<Outcome, CliError> {
        if matches!(answer, Answer::Miss) {
            return Ok(Outcome::Miss);
        }
        let (json, bare) = (self.json, matches!(self.place, Place::File(_)));
        self.write(|out| match json {
            true => answer.write_json(out),
            false => answer.write_text(out, bare),
        })?;
        Ok(Outcome::Done)
    }

    /// Writes a line of a result that goes on, at once.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), CliError> {
        self.write(|out| {
            out.write_all(line)?;
            out.write_all(b"\n")
        })
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut BufWriter<&mut dyn Write>) -> io::Result<()>,
    ) -> Result<(), CliError> {
        let through = |out: &mut dyn Write| {
            let mut out = BufWriter::new(out);
            write(&mut out)?;
            out.flush()
        };
        match &mut self.place {
            Place::Stdout => through(&mut io::stdout().lock()).map_err(|error| CliError::of_output(&error)),
            Place::File(destination) => destination.begin().and_then(|file| through(file)).map_err(|error| {
                CliError::new(format!("failed to write {}: {error}", destination.path.display()))
            }),
        }
    }
}

/// The file of `--output`: it keeps what it has until there is something to write, and does not
/// appear if there is nothing.
struct Destination {
    path: PathBuf,
    file: File,
    is_new: bool,
    begun: bool,
}

impl Destination {
    fn open(path: PathBuf) -> Result<Self, CliError> {
        let mut options = OpenOptions::new();
        options.write(true);
        let new = options.clone().create_new(true).open(&path);
        let is_new = new.is_ok();
        let file = new.or_else(|_| options.create(true).truncate(false).open(&path));
        let file = file.map_err(|error| {
            CliError::new(format!("cannot write to {} (--output): {error}", path.display()))
        })?;
        Ok(Self { path, file, is_new, begun: false })
    }

    fn begin(&mut self) -> io::Result<&mut File> {
        // A pipe or a device has no length to cut.
        if !self.begun && self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.begun = true;
        Ok(&mut self.file)
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if self.is_new && !self.begun {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes a script or another thing that is no answer to standard output.
pub(crate) fn bytes(text: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush()).map_err(|error| CliError::of_output(&error))
}

/// Tells the user something that is not a result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
