//! The stored inputs: seeds made by hand, and every input that ever found something.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::Target;

/// The inputs in `fuzz/corpus/<target>/` with their files' names, sorted.
///
/// # Errors
/// If there are none, or they cannot be read.
pub fn corpus_of(target: &Target) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let read = || -> std::io::Result<Vec<(String, Vec<u8>)>> {
        let mut inputs = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            inputs.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
        }
        Ok(inputs)
    };
    let mut inputs = read().with_context(|| format!("cannot read the corpus in {}", folder.display()))?;
    ensure!(!inputs.is_empty(), "the corpus in {} is empty: put at least one seed there", folder.display());
    inputs.sort();
    Ok(inputs)
}
