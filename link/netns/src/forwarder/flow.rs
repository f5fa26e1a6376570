//! One direction of a connection: messages by a read and a write, bulk through a pipe without being copied.

use std::{
    io::{self, ErrorKind},
    os::fd::OwnedFd,
};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::tcp::{ReadHalf, WriteHalf},
    task::coop::consume_budget,
};

/// A read that fills it begins a bulk transfer.
const BUFFER_BYTES: usize = 64 << 10;
/// What the pipe of a bulk transfer holds, where the system's limits let it; else as much as a new pipe does.
const PIPE_BYTES: usize = 512 << 10;
/// A bulk transfer ends with fewer at a time: they cost less to copy than to hand on.
const BULK_BYTES: usize = 16 << 10;

/// Carries all that comes, and then the end. `moved` is told whenever bytes have gone one way or the other.
///
/// # Errors
/// When either side is reset.
pub(super) async fn flow(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, moved: impl Fn()) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let bytes = from.read(&mut buffer).await?;
        moved();
        if bytes == 0 {
            return to.shutdown().await;
        }
        let mut rest = &buffer[..bytes];
        while !rest.is_empty() {
            let written = to.write(rest).await?;
            moved();
            rest = &rest[written..];
        }
        if bytes == BUFFER_BYTES {
            bulk(&from, &to, &moved).await?;
        }
    }
}

/// Hands on the pages that the kernel received, until few come at a time; does nothing where no pipe can be had. The end
/// is left to the next read.
async fn bulk(from: &ReadHalf<'_>, to: &WriteHalf<'_>, moved: &impl Fn()) -> io::Result<()> {
    let Ok((outlet, inlet)) = pipe() else { return Ok(()) };
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    loop {
        from.readable().await?;
        let into = || Ok(splice(from.as_ref(), None, &inlet, None, PIPE_BYTES, flags)?);
        let Some(bytes) = unless_it_blocks(from.as_ref().try_io(Interest::READABLE, into))? else { continue };
        moved();
        let mut rest = bytes;
        while rest > 0 {
            to.writable().await?;
            let out = || Ok(splice(&outlet, None, to.as_ref(), None, rest, flags)?);
            if let Some(bytes) = unless_it_blocks(to.as_ref().try_io(Interest::WRITABLE, out))? {
                moved();
                rest -= bytes;
            }
        }
        if bytes < BULK_BYTES {
            return Ok(());
        }
        consume_budget().await;
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (outlet, inlet) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // A user without privileges has few large pipes; a small one does too.
    let _ = fcntl_setpipe_size(&inlet, PIPE_BYTES);
    Ok((outlet, inlet))
}

/// None where there was nothing to read, or no room to write.
fn unless_it_blocks(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
