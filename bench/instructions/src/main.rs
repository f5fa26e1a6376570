//! `kura-instructions`: how many instructions the hot paths take, held against committed counts.
//!
//! A slow-down of a few percent drowns in the noise of a busy machine's clock; instructions do not. This program runs
//! itself under `valgrind --tool=callgrind`, which counts those of each case from the same inputs each time, and
//! compares them with `counts.json`. `KURA_WRITE=1` writes that file anew.
//!
//! It is blind to the kernel, to cache misses and to whatever waits: `kura-bench` measures those.
#![allow(clippy::print_stdout, reason = "this is what it is for")]

mod cases;
mod check;
mod script;
mod world;

use std::process::ExitCode;

use anyhow::bail;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => check::check(),
        [check::RUN, case] => cases::run(case).map(|()| ExitCode::SUCCESS),
        _ => bail!(
            "{arguments:?} are no arguments of this program: it takes none; KURA_WRITE=1 writes the counts anew"
        ),
    }
}
