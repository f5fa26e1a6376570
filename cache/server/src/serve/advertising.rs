//! What `/endpoints` lists, read again at SIGHUP: servers come and go while this one runs.

use std::sync::Arc;

use anyhow::{Context, Result};
use kura_front_http::Http;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Settings;

/// Reads the settings again at each SIGHUP, from now on. Flags and variables stay as they were given,
/// so what changes stands in the configuration file.
///
/// # Errors
/// If signals cannot be listened for.
pub fn start(settings: Settings, http: Arc<Http>) -> Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let settings = settings.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || settings.resolve()).await else { return };
            match read {
                Ok(config) if http.advertise(config.advertised.clone()) => {
                    tracing::info!("/endpoints lists other servers from now on");
                }
                Ok(_) => tracing::debug!("/endpoints stays"),
                Err(mistakes) => {
                    tracing::warn!("the settings cannot be read again, /endpoints stays: {mistakes}");
                }
            }
        }
    });
    Ok(())
}
