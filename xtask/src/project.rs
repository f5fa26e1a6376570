//! Where things are: the sources, and the build output every task keeps its files in.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::process::Run;

/// The checkout this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
}

/// How the workspace's programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What the tests run: builds fast, checks debug assertions.
    Dev,
    /// What users run, and the only one that is measured.
    Release,
}

impl Project {
    /// Asks cargo where the workspace is.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let answer = Run::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
            .arg(manifest)
            .output()
            .context("cargo metadata")?;
        let answer: serde_json::Value =
            serde_json::from_str(&answer).context("cargo metadata prints JSON")?;
        let path = |field: &str| {
            answer[field]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("cargo metadata has no {field}"))
        };
        let root = path("workspace_root")?;
        env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))?;
        Ok(Self { root, target: path("target_directory")? })
    }

    /// A path inside the checkout.
    pub(crate) fn source(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// A path inside the build output.
    pub(crate) fn target(&self, path: impl AsRef<Path>) -> PathBuf {
        self.target.join(path)
    }

    /// The built program `name`.
    pub(crate) fn program(&self, profile: Profile, name: &str) -> PathBuf {
        let folder = match profile {
            Profile::Dev => "debug",
            Profile::Release => "release",
        };
        self.target.join(folder).join(name)
    }

    /// A directory inside the build output that is removed when the returned value is dropped.
    pub(crate) fn scratch_dir(&self, prefix: &str) -> Result<tempfile::TempDir> {
        let parent = self.target("scratch");
        fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
        tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))
    }
}
