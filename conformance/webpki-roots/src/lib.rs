//! Trust anchors for conformance runs.
//!
//! The Momento crate and the official command line trust the roots compiled into the `webpki-roots` crate and offer no
//! way to add one. A build that patches `webpki-roots` with this crate trusts the certificates in the PEM file named by
//! `KURA_CA` instead, and nobody else: a test client that can only talk to the test server.
//!
//! The file is read at run time, at first use. One build therefore serves every certificate authority a test makes;
//! dependants use the anchors only as `TLS_SERVER_ROOTS.iter()`, which works through the lock as it does on a slice.
//! Without `KURA_CA` there are no anchors, and every TLS handshake fails.

use std::sync::LazyLock;

use pki_types::{CertificateDer, TrustAnchor, pem::PemObject};

/// The anchors found in the file `KURA_CA` names.
///
/// # Panics
///
/// At first use, if the file is not readable, is not PEM, or holds no usable certificate: a run against the wrong
/// authority should stop where the mistake is, not look like a handshake failure later.
pub static TLS_SERVER_ROOTS: LazyLock<Vec<TrustAnchor<'static>>> = LazyLock::new(|| {
    let Some(path) = std::env::var_os("KURA_CA") else {
        return Vec::new();
    };
    let path = std::path::Path::new(&path);
    let anchors: Vec<_> = CertificateDer::pem_file_iter(path)
        .unwrap_or_else(|e| panic!("KURA_CA={}: {e}", path.display()))
        .map(|certificate| {
            let certificate = certificate.unwrap_or_else(|e| panic!("KURA_CA={}: {e}", path.display()));
            webpki::anchor_from_trusted_cert(&certificate)
                .unwrap_or_else(|e| panic!("KURA_CA={}: {e}", path.display()))
                .to_owned()
        })
        .collect();
    assert!(!anchors.is_empty(), "KURA_CA={}: no certificate in it", path.display());
    anchors
});
