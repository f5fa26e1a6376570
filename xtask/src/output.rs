//! Where the programs that are shown to the user print to: the terminal, or what is shown later in one piece.

use std::{
    cell::RefCell,
    io::{self, Write},
};

/// One of a program's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

thread_local! {
    /// What this thread holds back, if it does.
    static HELD: RefCell<Option<Vec<(Stream, String)>>> = const { RefCell::new(None) };
}

/// Shows a line: at once, or with the others that this thread holds back.
pub(crate) fn show(stream: Stream, line: String) {
    HELD.with_borrow_mut(|held| match held {
        Some(lines) => lines.push((stream, line)),
        None => print(stream, &line),
    });
}

/// Does `work` and shows what it printed afterwards, so that it does not mix with what other threads print.
pub(crate) fn in_one_piece<R>(work: impl FnOnce() -> R) -> R {
    HELD.set(Some(Vec::new()));
    let result = work();
    let lines = HELD.take().unwrap_or_default();
    let _one_at_a_time = io::stdout().lock();
    for (stream, line) in lines {
        print(stream, &line);
    }
    result
}

fn print(stream: Stream, line: &str) {
    // A reader that went away is no reason to stop.
    let _ = match stream {
        Stream::Out => writeln!(io::stdout(), "{line}"),
        Stream::Err => writeln!(io::stderr(), "{line}"),
    };
}
