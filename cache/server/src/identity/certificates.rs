//! Certificates: issued when needed, and judged by what a client would say to them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kura_base::Millis;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use time::OffsetDateTime;

use super::files::{self, DataDir, IdentityError};
use super::random_bytes;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Clients whose clock is slow accept a certificate this long before it was made.
const BACKDATED: Duration = DAY;
const CA_LIFE: Duration = Duration::from_secs(3652 * 24 * 3600);
/// With the day before it less than 825 days, the most that Apple's clients accept.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(820 * 24 * 3600);
/// A start issues a certificate again that has less than this left.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(30 * 24 * 3600);

/// The server's own certificate for `names`, issued if there is none that will do.
///
/// One will do if a client that trusts our authority accepts it for each of the names, today and
/// in 30 days. That is asked of the code that clients run, so nothing here reads certificates.
/// Private keys stay when certificates are issued again.
pub(super) fn open_or_issue(
    data_dir: &DataDir,
    names: &[String],
    now: Millis,
) -> Result<CertifiedKey, IdentityError> {
    let ca = Authority::open_or_create(data_dir, now)?;
    let (key_path, path) = (data_dir.file(files::KEY), data_dir.file(files::CERTIFICATE));
    let key = key_pair(&key_path)?;
    if let Some(pem) = files::read(&path)? {
        let chain = parse_chain(&path, &pem)?;
        let soon = now.plus(RENEWED_BEFORE_END);
        let fits = |at| names.iter().all(|name| ca.client_accepts(&chain[0], name, at).is_ok());
        if fits(now)
            && fits(soon)
            && let Ok(certified) = certified_key(chain, &key)
        {
            return Ok(certified);
        }
    }
    let pem = ca.issue(&key, names, now)?;
    let chain = parse_chain(&path, pem.as_bytes())?;
    for name in names {
        ca.client_accepts(&chain[0], name, now).map_err(|error| ca.unusable(&error))?;
    }
    let certified =
        certified_key(chain, &key).map_err(|error| IdentityError::content(&path, error.to_string()))?;
    files::write_private(&path, pem.as_bytes())?;
    Ok(certified)
}

/// A certificate chain and key of the user's.
pub(super) fn load(chain_path: &Path, key_path: &Path) -> Result<CertifiedKey, IdentityError> {
    let there = |path: &Path| {
        let missing = || IdentityError::io("read", path, std::io::ErrorKind::NotFound.into());
        files::read(path)?.ok_or_else(missing)
    };
    let chain = parse_chain(chain_path, &there(chain_path)?)?;
    let key = PrivateKeyDer::from_pem_slice(&there(key_path)?)
        .map_err(|_| IdentityError::content(key_path, "it holds no private key in PEM form"))?;
    let provider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let reason = format!("it is not the key of the certificate in {}", chain_path.display());
            IdentityError::content(key_path, reason)
        }
        rustls::Error::InvalidCertificate(error) => {
            IdentityError::content(chain_path, format!("its first certificate cannot be used: {error}"))
        }
        error => IdentityError::content(key_path, format!("it cannot be used: {error}")),
    })
}

/// Our certificate authority.
struct Authority {
    path: std::path::PathBuf,
    issuer: Issuer<'static, KeyPair>,
    client: Arc<WebPkiServerVerifier>,
}

impl Authority {
    fn open_or_create(data_dir: &DataDir, now: Millis) -> Result<Self, IdentityError> {
        let path = data_dir.file(files::CA_CERTIFICATE);
        let key = key_pair(&data_dir.file(files::CA_KEY))?;
        let params = authority_params(&key, now)?;
        let pem = match files::read(&path)? {
            Some(pem) => pem,
            None => {
                let pem = params.self_signed(&key).map_err(generating(&path))?.pem();
                files::write_private(&path, pem.as_bytes())?;
                pem.into_bytes()
            }
        };
        let unusable = |reason: String| IdentityError::content(&path, reason);
        let mut roots = RootCertStore::empty();
        for certificate in parse_chain(&path, &pem)? {
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let client = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { path, issuer: Issuer::new(params, key), client })
    }

    /// What a client that trusts this authority says of a server that it calls `name`.
    fn client_accepts(
        &self,
        certificate: &CertificateDer<'_>,
        name: &str,
        at: Millis,
    ) -> Result<(), rustls::Error> {
        // A wildcard covers names, and is none.
        let name = name.replacen('*', "any", 1);
        let name = ServerName::try_from(name.as_str())
            .map_err(|_| rustls::Error::General(format!("{name:?} is neither a host name nor an address")))?;
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        self.client.verify_server_cert(certificate, &[], &name, &[], at).map(|_| ())
    }

    fn issue(&self, key: &KeyPair, names: &[String], now: Millis) -> Result<String, IdentityError> {
        let mut params = CertificateParams::new(names).map_err(generating(&self.path))?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Kura");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, now, CERTIFICATE_LIFE)?;
        Ok(params.signed_by(key, &self.issuer).map_err(generating(&self.path))?.pem())
    }

    /// Says what to do when a certificate that was issued right now is not accepted.
    fn unusable(&self, error: &rustls::Error) -> IdentityError {
        use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
        let reason = match error {
            rustls::Error::InvalidCertificate(
                Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
            ) => "the machine's clock is outside its time; if the clock is right, remove this file \
                  to have it made again, and give the new one to all clients"
                .to_owned(),
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => "it is not the certificate that kura made for ca-key.pem; restore it, or remove it to \
                  have it made again (certificates of another authority are given with --tls-cert)"
                .to_owned(),
            other => format!("a certificate issued with it is not accepted: {other}"),
        };
        IdentityError::content(&self.path, reason)
    }
}

/// The authority's parameters. They follow from its key alone but for times and serial number,
/// so that its certificate need not be read to sign in its name.
fn authority_params(key: &KeyPair, now: Millis) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    let digest = kura_tokens::fingerprint(&key.public_key_pem());
    let tag: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Kura CA {tag}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, CA_LIFE)?;
    Ok(params)
}

/// Sets the time that a certificate is valid, and a serial number that no other has.
fn valid(params: &mut CertificateParams, now: Millis, life: Duration) -> Result<(), IdentityError> {
    let now =
        i64::try_from(now.epoch_seconds()).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - BACKDATED;
    params.not_after = now + life;
    let mut serial = random_bytes::<16>()?;
    // Positive, and never shorter.
    serial[0] = (serial[0] & 0x3f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

/// The private key in this file, made now if there is none.
fn key_pair(path: &Path) -> Result<KeyPair, IdentityError> {
    if let Some(pem) = files::read_private(path)? {
        let pem = std::str::from_utf8(&pem).ok();
        let key = pem.and_then(|pem| KeyPair::from_pem(pem).ok());
        return key.ok_or_else(|| IdentityError::content(path, "it holds no private key in PEM form"));
    }
    let key = KeyPair::generate().map_err(generating(path))?;
    files::write_private(path, key.serialize_pem().as_bytes())?;
    Ok(key)
}

fn certified_key(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<CertifiedKey, rustls::Error> {
    let key = PrivateKeyDer::try_from(key.serialized_der().to_vec())
        .map_err(|error| rustls::Error::General(error.to_owned()))?;
    let provider: CryptoProvider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider)
}

/// The certificates in a PEM file, at least one.
fn parse_chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(IdentityError::content(path, "it holds no certificate in PEM form")),
    }
}

fn generating(path: &Path) -> impl Fn(rcgen::Error) -> IdentityError {
    move |error| IdentityError::content(path, format!("it cannot be made or used: {error}"))
}
