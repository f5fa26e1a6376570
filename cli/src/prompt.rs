//! Questions on standard output, answers from standard input.
//!
//! One reader for all questions: answers that arrive at once, from a pipe, are not lost.

use std::io::{BufRead, Write};

use crate::error::CliError;

/// Asks one question after another.
pub(crate) struct Prompt<R, W> {
    input: R,
    output: W,
}

impl<R: BufRead, W: Write> Prompt<R, W> {
    pub(crate) fn new(input: R, output: W) -> Self {
        Self { input, output }
    }

    /// Asks `question`; an empty answer, or the end of the input, is `default`.
    pub(crate) fn ask(&mut self, question: &str, default: &str) -> Result<String, CliError> {
        let written = match default {
            "" => write!(self.output, "{question}: "),
            _ => write!(self.output, "{question} [{default}]: "),
        };
        written.and_then(|()| self.output.flush()).map_err(|error| CliError::of_output(&error))?;
        let mut line = String::new();
        let read = self.input.read_line(&mut line);
        read.map_err(|error| CliError::new(format!("failed to read line from stdin: {error}")))?;
        match line.trim() {
            "" => Ok(default.to_owned()),
            answer => Ok(answer.to_owned()),
        }
    }
}
