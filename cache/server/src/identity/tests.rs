use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: Millis = Millis(1_795_000_000_000);

struct Place {
    dir: tempfile::TempDir,
    cell: Cell,
    extra_names: Vec<String>,
    tls_files: Option<(PathBuf, PathBuf)>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, cell: Cell::parse("h.test").unwrap(), extra_names: vec![], tls_files: None }
    }

    fn open(&self, now: Millis) -> Result<Identity, IdentityError> {
        Identity::open_or_create(&IdentityOptions {
            data_dir: &DataDir::open_or_create(&self.path("data"))?,
            cell: &self.cell,
            extra_names: &self.extra_names,
            tls_files: self.tls_files.clone(),
            now,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path("data").join(name)
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path("data")).unwrap().map(Result::unwrap);
        let named =
            |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        entries.map(named).collect()
    }

    /// What a client that trusts `ca.pem` says to the identity's certificate.
    fn client_accepts(&self, identity: &Identity, name: &str, at: Millis) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let client = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        client.verify_server_cert(&identity.certificate.current().cert[0], &[], &name, &[], at).is_ok()
    }
}

#[test]
fn the_first_start_makes_everything_private_and_the_next_finds_it() {
    let place = Place::new();
    place.open(NOW).unwrap();
    let made = place.files();
    let names: Vec<_> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["ca-key.pem", "ca.pem", "cell", "cert.pem", "key.pem", "signing.key"]);
    assert_eq!(made["signing.key"].len(), 32);
    assert_eq!(fs::metadata(place.path("data")).unwrap().permissions().mode() & 0o777, 0o700);
    for name in names {
        let mode = fs::metadata(place.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    place.open(NOW.plus(DAY * 700)).unwrap();
    assert_eq!(place.files(), made);
    let other = Place::new();
    other.open(NOW).unwrap();
    assert!(other.files().iter().all(|(name, content)| name == "cell" || made[name] != *content));
}

#[test]
fn clients_accept_the_certificate_for_every_name_and_no_other() {
    let mut place = Place::new();
    place.extra_names = vec!["cache.example".to_owned(), "10.1.2.3".to_owned()];
    let identity = place.open(NOW).unwrap();
    for name in [
        "h.test",
        "cache.h.test",
        "control.h.test",
        "token.h.test",
        "api.cache.h.test",
        "storage.h.test",
        "web.cache.h.test",
        "web.control.h.test",
        "web.token.h.test",
        "localhost",
        "127.0.0.1",
        "::1",
        "cache.example",
        "10.1.2.3",
    ] {
        assert!(place.client_accepts(&identity, name, NOW), "{name}");
        assert!(place.client_accepts(&identity, name, Millis(NOW.0 - 3_600_000)), "{name}, slow clock");
    }
    for name in ["i.test", "a.b.h.test", "10.1.2.4", "example"] {
        assert!(!place.client_accepts(&identity, name, NOW), "{name}");
    }
    assert!(!place.client_accepts(&identity, "h.test", NOW.plus(DAY * 824)));
}

#[test]
fn a_certificate_is_issued_again_by_the_same_authority_when_it_no_longer_fits() {
    let mut place = Place::new();
    place.open(NOW).unwrap();
    let first = place.files();
    let changed = |place: &Place| -> Vec<String> {
        let now = place.files();
        first.keys().filter(|name| first[*name] != now[*name]).cloned().collect()
    };
    place.open(NOW.plus(DAY * 789)).unwrap();
    assert_eq!(changed(&place), Vec::<String>::new(), "31 days are left");
    let renewed_at = NOW.plus(DAY * 791);
    let identity = place.open(renewed_at).unwrap();
    assert_eq!(changed(&place), ["cert.pem"], "29 days are left");
    assert!(place.client_accepts(&identity, "cache.h.test", renewed_at.plus(DAY * 800)));

    place.extra_names = vec!["more.test".to_owned()];
    let identity = place.open(NOW).unwrap();
    assert!(place.client_accepts(&identity, "more.test", NOW));
    place.cell = Cell::parse("i.test").unwrap();
    let identity = place.open(NOW).unwrap();
    assert!(place.client_accepts(&identity, "cache.i.test", NOW));
    assert_eq!(changed(&place), ["cell", "cert.pem"]);
    assert_eq!(fs::read(place.file("cell")).unwrap(), b"i.test\n");
}

#[test]
fn a_start_that_was_cut_off_anywhere_is_completed_by_the_next() {
    let order = ["cell", "signing.key", "ca-key.pem", "ca.pem", "key.pem", "cert.pem"];
    for cut in 0..order.len() {
        let place = Place::new();
        place.open(NOW).unwrap();
        let before = place.files();
        for name in &order[cut..] {
            fs::remove_file(place.file(name)).unwrap();
        }
        let identity = place.open(NOW).unwrap();
        assert!(place.client_accepts(&identity, "cache.h.test", NOW));
        for name in &order[..cut] {
            assert_eq!(fs::read(place.file(name)).unwrap(), before[*name], "{name} stays");
        }
    }
}

#[test]
fn a_file_with_something_else_in_it_is_named() {
    for (name, says) in [
        ("signing.key", "it has 4 bytes in place of 32"),
        ("ca.pem", "it holds no certificate"),
        ("ca-key.pem", "it holds no private key"),
        ("cert.pem", "it holds no certificate"),
        ("key.pem", "it holds no private key"),
        ("cell", "it holds no host name"),
    ] {
        let place = Place::new();
        place.open(NOW).unwrap();
        fs::write(place.file(name), b"no!\n").unwrap();
        let error = place.open(NOW).unwrap_err().to_string();
        assert!(error.contains(place.file(name).to_str().unwrap()), "{error}");
        assert!(error.contains(says), "{error}");
        assert_eq!(fs::read(place.file(name)).unwrap(), b"no!\n", "left as it is");
    }
    // An unreadable file, also for root.
    let place = Place::new();
    place.open(NOW).unwrap();
    fs::remove_file(place.file("key.pem")).unwrap();
    fs::create_dir(place.file("key.pem")).unwrap();
    let error = place.open(NOW).unwrap_err().to_string();
    assert!(error.contains("key.pem"), "{error}");
}

#[test]
fn an_authority_that_is_over_or_not_ours_says_so() {
    let place = Place::new();
    place.open(NOW).unwrap();
    let error = place.open(NOW.plus(DAY * 3700)).unwrap_err().to_string();
    assert!(error.contains("ca.pem") && error.contains("clock"), "{error}");

    let other = Place::new();
    other.open(NOW).unwrap();
    fs::copy(other.file("ca.pem"), place.file("ca.pem")).unwrap();
    let error = place.open(NOW).unwrap_err().to_string();
    assert!(error.contains("ca.pem") && error.contains("--tls-cert"), "{error}");
}

#[test]
fn what_others_can_read_or_replace_is_refused() {
    let place = Place::new();
    place.open(NOW).unwrap();
    let chmod = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["data/signing.key", "data/ca-key.pem", "data/key.pem"] {
        chmod(name, 0o644);
        let error = place.open(NOW).unwrap_err().to_string();
        assert!(error.contains("chmod 0600") && error.contains(name), "{error}");
        chmod(name, 0o600);
    }
    chmod("data", 0o755);
    place.open(NOW).unwrap();
    chmod("data", 0o777);
    let error = place.open(NOW).unwrap_err().to_string();
    assert!(error.contains("chmod 0700"), "{error}");

    let empty = Place::new();
    fs::create_dir(empty.path("data")).unwrap();
    fs::set_permissions(empty.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    empty.open(NOW).unwrap();
    assert_eq!(fs::metadata(empty.path("data")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn certificate_files_of_the_users_take_the_place_of_ours() {
    let theirs = Place::new();
    theirs.open(NOW).unwrap();
    let mut place = Place::new();
    place.tls_files = Some((theirs.file("cert.pem"), theirs.file("key.pem")));
    let identity = place.open(NOW).unwrap();
    assert!(theirs.client_accepts(&identity, "cache.h.test", NOW));
    assert_eq!(place.files().keys().collect::<Vec<_>>(), ["cell", "signing.key"]);

    for (cert, key, says) in [
        ("cert.pem", "ca-key.pem", "it is not the key of the certificate"),
        ("key.pem", "key.pem", "it holds no certificate"),
        ("cert.pem", "cert.pem", "it holds no private key"),
        ("no.pem", "key.pem", "no.pem"),
    ] {
        place.tls_files = Some((theirs.file(cert), theirs.file(key)));
        let error = place.open(NOW).unwrap_err().to_string();
        assert!(error.contains(says), "{cert} {key}: {error}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let place = Place::new();
    let identity = place.open(NOW).unwrap();
    let text = format!("{identity:?}");
    assert!(text.contains("SigningSecret(..)"), "{text}");
    let key = rustls_pki_types::PrivateKeyDer::from_pem_file(place.file("key.pem")).unwrap();
    let part = format!("{:?}", &key.secret_der()[40..48]);
    assert!(!text.contains(part.trim_matches(['[', ']'])), "{text}");
}

#[test]
fn a_certificate_is_renewed_while_it_is_served() {
    let place = Place::new();
    let identity = place.open(NOW).unwrap();
    let data_dir = DataDir::open_or_create(&place.path("data")).unwrap();
    let renew = |now| {
        identity.certificate.renew(&IdentityOptions {
            data_dir: &data_dir,
            cell: &place.cell,
            extra_names: &[],
            tls_files: None,
            now,
        })
    };
    let first = identity.certificate.current();
    let late = NOW.plus(DAY * 789);
    assert!(!renew(late).unwrap());
    assert!(Arc::ptr_eq(&first, &identity.certificate.current()));
    let later = NOW.plus(DAY * 791);
    assert!(renew(later).unwrap());
    assert_ne!(first.cert, identity.certificate.current().cert);
    let end_of_the_first = NOW.plus(DAY * 821);
    assert!(place.client_accepts(&identity, "cache.h.test", end_of_the_first));

    let shown = identity.certificate.current();
    fs::write(place.file("cert.pem"), "no pem").unwrap();
    assert!(renew(later).is_err());
    assert!(Arc::ptr_eq(&shown, &identity.certificate.current()));
}
