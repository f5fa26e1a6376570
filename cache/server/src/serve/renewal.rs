//! A certificate that stays good however long the server runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use kura_base::Clock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::identity::{Cell, Certificate, DataDir, IdentityError, IdentityOptions};

/// How often it is looked at. A certificate of ours is issued again 30 days before its end, and
/// short-lived ones of the user's are replaced some hours before theirs.
const EVERY: Duration = Duration::from_secs(3600);

/// What a certificate is renewed from.
pub struct Renewal {
    pub certificate: Arc<Certificate>,
    pub data_dir: DataDir,
    pub cell: Cell,
    pub tls_files: Option<(PathBuf, PathBuf)>,
    pub clock: Arc<dyn Clock>,
}

impl Renewal {
    /// Renews every hour and at each SIGHUP, from now on.
    ///
    /// # Errors
    /// If signals cannot be listened for.
    pub fn start(self) -> Result<()> {
        let hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
        tokio::spawn(Arc::new(self).run(hangup));
        Ok(())
    }

    async fn run(self: Arc<Self>, mut hangup: Signal) {
        let mut hours = interval(EVERY);
        hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
        hours.tick().await;
        loop {
            tokio::select! {
                _ = hours.tick() => {}
                _ = hangup.recv() => tracing::info!("told to look at the certificate again"),
            }
            let renewal = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || renewal.renew()).await {
                Ok(Ok(true)) => tracing::info!("new connections are shown another certificate from now on"),
                Ok(Ok(false)) => tracing::debug!("the certificate stays"),
                Ok(Err(error)) => {
                    tracing::warn!("the certificate cannot be renewed, the present one stays: {error}");
                }
                Err(stopped) if stopped.is_panic() => {
                    tracing::error!(
                        "the certificate could not be looked at, the present one stays: {stopped}"
                    );
                }
                Err(stopped) => tracing::debug!("the certificate was not looked at: {stopped}"),
            }
        }
    }

    fn renew(&self) -> Result<bool, IdentityError> {
        self.certificate.renew(&IdentityOptions {
            data_dir: &self.data_dir,
            cell: &self.cell,
            extra_names: &[],
            tls_files: self.tls_files.clone(),
            now: self.clock.now(),
        })
    }
}
