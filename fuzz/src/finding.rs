//! An input for which something did not hold: made small, kept, and told how to replay.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{Seen, Target, execute};

/// How long an input is made smaller.
const SHRINK: Duration = Duration::from_secs(5);

/// Something that did not hold, and where its input is.
#[derive(Debug)]
pub struct Finding {
    target: &'static str,
    /// What did not hold.
    pub what: String,
    /// The file with the input.
    pub file: PathBuf,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, file) = (self.target, self.file.display());
        write!(f, "{}\n  replay: kura-fuzz --target {target} --replay {file}", self.what)
    }
}

impl Finding {
    /// Keeps `input` as a file.
    pub(crate) fn keep(target: &Target, input: &[u8], what: String) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let file = folder(target)?.join(format!("{:016x}", hasher.finish()));
        std::fs::write(&file, input).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { target: target.name, what, file })
    }

    /// Keeps the smallest input found near `input` for which something still does not hold.
    pub(crate) fn shrink(target: &Target, mut input: Vec<u8>, mut what: String) -> Result<Self> {
        let end = Instant::now() + SHRINK;
        let mut size = input.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < input.len() && Instant::now() < end {
                let mut smaller = input.clone();
                smaller.drain(at..(at + size).min(input.len()));
                match execute(target, &smaller, &mut Seen::new()) {
                    Ok(_) => at += size,
                    Err(still) => (input, what) = (smaller, still),
                }
            }
            size /= 2;
        }
        Self::keep(target, &input, what)
    }
}

/// Where a target's findings go: `target/fuzz/<target>`, made if need be.
///
/// # Errors
/// If it cannot be made.
pub fn folder(target: &Target) -> Result<PathBuf> {
    let build = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let folder = build.join("fuzz").join(target.name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}
