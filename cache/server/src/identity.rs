//! Who a server is: its certificate and the secret that signs its tokens.
//!
//! The first start makes a certificate authority, a certificate for all names of the cell and a
//! signing secret in the data directory; later starts find them there. Clients trust `ca.pem`,
//! which stays the same for ten years, while the certificate is issued again whenever its names
//! no longer fit or its end comes near, at a start or while the server runs.
//!
//! The caller holds the registry's lock, so no two processes do this at once. Each file appears
//! whole or not at all, and private keys before what is made with them, so a start that was cut
//! off anywhere is simply completed by the next.

mod certificates;
mod files;
mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura_base::Millis;
use kura_tokens::SigningSecret;
use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub(crate) use files::{DataDir, IdentityError, default_data_dir, remembered_cell};
pub(crate) use names::Cell;

/// What [`Identity::open_or_create`] goes by.
pub(crate) struct IdentityOptions<'a> {
    /// Where everything is kept.
    pub(crate) data_dir: &'a DataDir,
    /// The host name of the cell, below which its service names are.
    pub(crate) cell: &'a Cell,
    /// More host names and IP addresses for the certificate.
    pub(crate) extra_names: &'a [String],
    /// Certificate chain and private key as PEM files, in place of a certificate of our own.
    pub(crate) tls_files: Option<(PathBuf, PathBuf)>,
    /// The present.
    pub(crate) now: Millis,
}

/// A server's certificate and signing secret.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The certificate chain and its private key.
    pub(crate) certificate: Arc<Certificate>,
    /// What signs tokens.
    pub(crate) secret: SigningSecret,
}

impl Identity {
    /// Finds the identity in the data directory, or makes what is missing there.
    ///
    /// # Errors
    /// The first file that cannot be read or written, or that holds something else.
    pub(crate) fn open_or_create(options: &IdentityOptions<'_>) -> Result<Self, IdentityError> {
        let data_dir = options.data_dir;
        data_dir.remember_cell(options.cell)?;
        let secret = open_or_create_secret(data_dir)?;
        let certificate = Certificate(RwLock::new(Arc::new(certificate(options)?)));
        Ok(Self { certificate: Arc::new(certificate), secret })
    }
}

/// The certificate that a running server shows. It changes without a restart; connections that
/// are there already keep theirs.
#[derive(Debug)]
pub(crate) struct Certificate(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// The one shown now.
    pub(crate) fn current(&self) -> Arc<CertifiedKey> {
        self.0.read().clone()
    }

    /// Does again what a start does, and shows what comes of it: a certificate issued anew if the
    /// end of ours comes near, or what is in the user's files by now. True if it is another.
    ///
    /// # Errors
    /// As [`Identity::open_or_create`]; the one shown so far stays.
    pub(crate) fn renew(&self, options: &IdentityOptions<'_>) -> Result<bool, IdentityError> {
        let found = certificate(options)?;
        let mut current = self.0.write();
        if found.cert == current.cert {
            return Ok(false);
        }
        *current = Arc::new(found);
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn certificate(options: &IdentityOptions<'_>) -> Result<CertifiedKey, IdentityError> {
    if let Some((chain, key)) = &options.tls_files {
        return certificates::load(chain, key);
    }
    let names = options.cell.certificate_names(options.extra_names);
    certificates::open_or_issue(options.data_dir, &names, options.now)
}

/// The signing secret in the data directory, made now if there is none.
///
/// # Errors
/// If the file cannot be read or written, or does not hold exactly 32 bytes.
pub(crate) fn open_or_create_secret(data_dir: &DataDir) -> Result<SigningSecret, IdentityError> {
    let path = data_dir.file(files::SIGNING_SECRET);
    let bytes = match files::read_private(&path)? {
        Some(found) => found.as_slice().try_into().map_err(|_| {
            let reason = format!("it has {} bytes in place of 32", found.len());
            IdentityError::content(&path, reason)
        })?,
        None => {
            let made = random_bytes()?;
            files::write_private(&path, &made)?;
            made
        }
    };
    Ok(SigningSecret::from_bytes(bytes))
}

/// A signing secret that ends with the process.
///
/// # Errors
/// If the operating system gives no randomness.
pub(crate) fn temporary_secret() -> Result<SigningSecret, IdentityError> {
    Ok(SigningSecret::from_bytes(random_bytes()?))
}

/// Bytes that nobody can guess.
///
/// # Errors
/// If the operating system gives no randomness.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| IdentityError::Randomness)?;
    Ok(bytes)
}

/// The registry's file in the data directory.
pub(crate) fn registry_file(data_dir: &Path) -> PathBuf {
    data_dir.join(files::REGISTRY)
}

#[cfg(test)]
mod tests;
