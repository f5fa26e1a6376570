//! What is taken, what is refused and what is said of it.

use super::*;

fn local() -> Settings {
    Settings { local: Some("true".to_owned()), ..Settings::default() }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "memory = \"lots\"\ncolour = 1\nworkers = 0\n").unwrap();
    let settings = Settings {
        tls_listen: Some("nowhere".to_owned()),
        tls_cert: Some("a.pem".to_owned()),
        max_request_bytes: Some("2KiB".to_owned()),
        max_item_bytes: Some("2049".to_owned()),
        cors_origins: Some("https://a.test/x".to_owned()),
        config: Some(file.path().into()),
        ..Settings::default()
    };
    let mistakes = settings.resolve().unwrap_err().to_string();
    for part in [
        "--tls-listen is \"nowhere\"",
        "--memory (in ",
        "colour is no setting",
        "--workers (in ",
        "--tls-key is missing",
        "--max-item-bytes is above --max-request-bytes (2048)",
        "--cors-origins is \"https://a.test/x\"",
    ] {
        assert!(mistakes.contains(part), "{part} not in:\n{mistakes}");
    }
}

#[test]
fn items_fit_into_requests_unless_said_otherwise() {
    let request = |bytes: &str| Settings { max_request_bytes: Some(bytes.to_owned()), ..local() };
    assert_eq!(request("1MiB").resolve().unwrap().limits.max_item_bytes, 1 << 20);
    let larger = request("8MiB").resolve().unwrap().limits.max_item_bytes;
    assert_eq!(larger, Limits::default().max_item_bytes);
}

#[test]
fn a_flag_goes_before_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "workers = 3\nmemory = \"8MiB\"\n").unwrap();
    let settings =
        Settings { workers: Some("2".to_owned()), config: Some(file.path().into()), ..Settings::default() };
    let config = settings.resolve().unwrap();
    let memory = config.memory_bytes + config.topics.memory_bytes as u64;
    assert_eq!((config.workers, memory), (2, 8 << 20));
}

#[test]
fn protosocket_is_on_in_secured_mode_and_where_it_is_named() {
    let resolved = |local: &str, listen: Option<&str>| {
        let settings = Settings {
            local: Some(local.to_owned()),
            protosocket_listen: listen.map(str::to_owned),
            data_dir: Some("/tmp/unused".to_owned()),
            ..Settings::default()
        };
        settings.resolve().map(|config| config.protosocket_listen.map(|listen| listen.to_string()))
    };
    assert_eq!(resolved("false", None).unwrap().as_deref(), Some("[::]:9004"));
    assert_eq!(resolved("false", Some("off")).unwrap(), None);
    assert_eq!(resolved("true", None).unwrap(), None);
    assert_eq!(resolved("true", Some("127.0.0.1:9")).unwrap().as_deref(), Some("127.0.0.1:9"));
    for (local, listen, part) in [("true", "0.0.0.0:9", "loopback"), ("false", "on", "or off")] {
        assert!(resolved(local, Some(listen)).unwrap_err().to_string().contains(part));
    }
}

#[test]
fn faults_are_for_local_mode_and_this_machine() {
    let resolved = |local: &str, test_admin: &str| {
        let settings = Settings {
            local: Some(local.to_owned()),
            test_admin: Some(test_admin.to_owned()),
            ..Settings::default()
        };
        settings.resolve().map(|config| config.test_admin.map(|listen| listen.to_string()))
    };
    assert_eq!(resolved("true", TEST_ADMIN).unwrap().as_deref(), Some(TEST_ADMIN));
    for (local, listen, part) in
        [("false", TEST_ADMIN, "goes with --local"), ("true", "0.0.0.0:1", "loopback")]
    {
        assert!(resolved(local, listen).unwrap_err().to_string().contains(part));
    }
}

#[test]
fn plaintext_stays_on_this_machine() {
    let settings = Settings {
        local: Some("true".to_owned()),
        local_listen: Some("0.0.0.0:8080".to_owned()),
        ..Settings::default()
    };
    assert!(settings.resolve().unwrap_err().to_string().contains("loopback"));
}
