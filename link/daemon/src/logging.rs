//! Logs to stderr.

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

/// Logs what `levels` says from now on.
pub fn start(levels: &str) -> Result<()> {
    let filter = EnvFilter::builder().parse(levels).with_context(|| {
        format!("--log (KURA_LINK_LOG) is {levels:?}; give levels such as info or kura_link=debug")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init()
        .map_err(anyhow::Error::from_boxed)
        .context("cannot start logging")
}
