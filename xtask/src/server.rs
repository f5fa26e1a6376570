//! A running `kura serve`, and the keys its clients show.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::process::{Run, Running};

/// How the last line of a start begins.
const READY: &str = "kura ready in";

/// Far above the 50 ms of a normal start; a first start also makes a certificate authority.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The drain of at most 10 s, and some.
const STOP_LIMIT: Duration = Duration::from_secs(13);

/// A server that has said it is ready; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    /// Its own words: `kura ready in 12 ms`.
    pub(crate) ready: String,
}

impl Server {
    /// Runs `serve` until it says it is ready; what it logs goes to the file `log`.
    pub(crate) fn start(serve: &Run, log: &Path) -> Result<Self> {
        let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let out = file.try_clone()?;
        let mut running = serve.spawn(Stdio::null(), out.into(), Stdio::piped())?;
        let stderr = running.child.stderr.take().context("the server has no stderr")?;
        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = writeln!(file, "{line}");
                if line.starts_with(READY) {
                    let _ = sender.send(line);
                }
            }
        });
        match ready.recv_timeout(START_LIMIT) {
            Ok(ready) => Ok(Self { running, ready }),
            Err(RecvTimeoutError::Disconnected) => {
                let ended = running.wait(Duration::from_secs(1))?;
                let said = std::fs::read_to_string(log).unwrap_or_default();
                bail!("`{serve}` ended before it was ready ({ended:?}):\n{said}")
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("`{serve}` was not ready within {} s, see {}", START_LIMIT.as_secs(), log.display())
            }
        }
    }

    /// SIGTERM, then how it ended.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        self.running.terminate()?;
        self.running
            .wait(STOP_LIMIT)?
            .with_context(|| format!("the server was still there {} s after SIGTERM", STOP_LIMIT.as_secs()))
    }
}

/// The certificate authority a server made under `data`.
pub(crate) fn authority(data: &Path) -> PathBuf {
    data.join("ca.pem")
}

/// The key in what `kura key create` printed: the longest word of it.
pub(crate) fn key_in(printed: &str) -> Result<&str> {
    let longest = printed.split_whitespace().max_by_key(|word| word.len());
    longest.filter(|word| word.len() >= 40).context("`kura key create` printed no key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_among_words() {
        let key = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ0IjoiZyJ9.c2lnbmF0dXJl";
        assert_eq!(key_in(&format!("created demo\n{key}\n")).unwrap(), key);
        assert_eq!(key_in(key).unwrap(), key);
        assert!(key_in("nothing here").is_err());
    }
}
