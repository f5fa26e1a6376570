//! Whom a TLS connection trusts.

use std::io;
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::{Code, Status};

/// The client's TLS configuration.
///
/// With `extra_roots` only they are trusted: whoever names an authority means it, and reading the
/// machine's store would cost more than the whole call. Without, it is the machine's store, or
/// what `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead of it.
///
/// The CryptoProvider is named here and never the process's default: two are in the tree through
/// dependencies, and rustls's default builder panics then.
pub(crate) fn client_config(extra_roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>, Status> {
    let roots = if extra_roots.is_empty() { native_roots()? } else { pem_roots(extra_roots)? };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Status::new(Code::Internal, format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn pem_roots(pems: &[Vec<u8>]) -> Result<RootCertStore, Status> {
    let invalid =
        |why: String| Status::new(Code::InvalidArgument, format!("Invalid CA certificate file: {why}"));
    let mut roots = RootCertStore::empty();
    for pem in pems {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        return Err(invalid("it holds no PEM certificate".to_owned()));
    }
    Ok(roots)
}

fn native_roots() -> Result<RootCertStore, Status> {
    let native = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        let why = native.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        let message = format!("No trusted CA certificates on this machine{why}; {SET_CA}");
        return Err(Status::new(Code::Unavailable, message));
    }
    Ok(roots)
}

const SET_CA: &str = "set --ca or MOMENTO_CA_CERT to the server's CA certificate";

/// What went wrong in a handshake, and what to do about it.
pub(crate) fn explain(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        // A bad signature is what an authority made anew under its old name looks like.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => {
            format!("its certificate is signed by an unknown authority; {SET_CA}")
        }
        Some(rustls::Error::InvalidCertificate(reason)) => format!("its certificate is not valid: {reason}"),
        Some(rustls::Error::InvalidMessage(_)) => {
            "it does not speak TLS; is it a plaintext server, to be named with http://?".to_owned()
        }
        Some(other) => format!("the TLS handshake failed: {other}"),
        None => format!("the TLS handshake failed: {error}"),
    }
}
