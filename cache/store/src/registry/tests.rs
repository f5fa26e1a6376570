//! The registry as its callers see it, and what is left of it after failures.

mod crash;
mod model;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use kura_tokens::{Access, Format, Permissions};

use super::*;
use model::role;

pub(super) fn cache(name: &str) -> CacheName {
    CacheName::parse(name).unwrap()
}

pub(super) fn key(id: &str) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        name: format!("the key {id}"),
        permissions: Permissions::all_caches(Access::ReadOnly),
        format: Format::V2,
        created: 1_700_000_000,
        expires: Some(1_800_000_000),
        fingerprint: std::array::from_fn(|byte| byte as u8 * 8),
        revoked: None,
        refresh: None,
    }
}

pub(super) fn signing_key(key_id: &str, expires: u64) -> SigningKeyRecord {
    SigningKeyRecord { key_id: key_id.to_owned(), expires, secret: [0xa5; 32] }
}

#[test]
fn a_registry_from_before_there_were_roles_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    let registry = Registry::open(&path).unwrap();
    registry.create_cache(&cache("a"), 10).unwrap();
    registry.add_key(key("key-1"), 100, 0).unwrap();
    drop(registry);
    file::make_older(&path);

    let registry = Registry::open(&path).unwrap();
    assert_eq!((registry.caches(), registry.keys()), (vec![cache("a")], vec![Arc::new(key("key-1"))]));
    registry.create_role(role(1, 1), 10).unwrap();
    drop(registry);
    assert_eq!(Registry::open(&path).unwrap().roles(), [Arc::new(role(1, 1))]);
}

#[test]
fn a_key_as_it_was_stored_before_is_read_as_what_it_said() {
    let stored = r#"{"id":"key-1","name":"n","permissions":{"x":[{"c":"orders","a":"rw"},{"a":"r"}]},"format":"v2","created":1,"expires":null,"fingerprint":"0000000000000000000000000000000000000000000000000000000000000000","revoked":null}"#;
    let key: KeyRecord = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_string(&key).unwrap(), stored);
    assert!(key.permissions.allows_item(kura_tokens::Need::ReadWrite, "orders", b"k"));
    assert!(key.permissions.allows_topic(kura_tokens::Need::Read, "other", "t"));
    let with = KeyRecord { refresh: Some([0xab; 32]), ..key };
    let again: KeyRecord = serde_json::from_str(&serde_json::to_string(&with).unwrap()).unwrap();
    assert_eq!(again, with);
}

#[test]
fn everything_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    let registry = Registry::open(&path).unwrap();
    assert!(registry.create_cache(&cache("b"), 10).unwrap());
    assert!(registry.create_cache(&cache("a"), 10).unwrap());
    assert!(registry.create_cache(&cache("gone"), 10).unwrap());
    assert!(registry.delete_cache(&cache("gone")).unwrap());
    registry.add_key(key("key-1"), 100, 0).unwrap();
    registry.add_key(key("key-2"), 100, 0).unwrap();
    assert!(registry.revoke_key("key-2", 1_750_000_000).unwrap());
    registry.create_signing_key(signing_key("s", 5), 0).unwrap();
    drop(registry);

    let registry = Registry::open(&path).unwrap();
    assert_eq!(registry.caches(), [cache("a"), cache("b")]);
    assert!(registry.contains_cache("a") && !registry.contains_cache("gone"));
    let revoked = KeyRecord { revoked: Some(1_750_000_000), ..key("key-2") };
    assert_eq!(registry.keys(), [Arc::new(key("key-1")), Arc::new(revoked)]);
    assert_eq!(registry.keys().len(), 2);
    assert_eq!(registry.signing_keys(), [Arc::new(signing_key("s", 5))]);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn answers_tell_whether_anything_changed() {
    let registry = Registry::in_memory().unwrap();
    assert!(registry.create_cache(&cache("a"), 1).unwrap());
    assert!(!registry.create_cache(&cache("a"), 1).unwrap(), "existing, although at the limit");
    let refused = registry.create_cache(&cache("b"), 1);
    assert!(matches!(refused, Err(RegistryError::TooManyCaches { limit: 1 })));
    assert!(registry.delete_cache(&cache("a")).unwrap());
    assert!(!registry.delete_cache(&cache("a")).unwrap());

    registry.add_key(key("key-1"), 100, 0).unwrap();
    assert!(matches!(registry.add_key(key("key-1"), 100, 0), Err(RegistryError::KeyExists { .. })));
    assert!(!registry.revoke_key("key-2", 1).unwrap());
    assert!(registry.revoke_key("key-1", 1).unwrap());
    assert!(!registry.revoke_key("key-1", 2).unwrap());
    assert_eq!(registry.key("key-1").unwrap().revoked, Some(1));
    assert!(matches!(registry.add_key(key("key-1"), 100, 0), Err(RegistryError::KeyExists { .. })));
}

#[test]
fn the_generation_moves_with_each_revocation_and_with_nothing_else() {
    let registry = Registry::in_memory().unwrap();
    registry.add_key(key("key-1"), 100, 0).unwrap();
    registry.create_signing_key(signing_key("s", 9), 0).unwrap();
    registry.create_cache(&cache("a"), 1).unwrap();
    let before = registry.generation();
    assert!(!registry.revoke_key("key-2", 1).unwrap());
    assert_eq!(registry.generation(), before);
    assert!(registry.revoke_key("key-1", 1).unwrap());
    assert_eq!(registry.generation(), before + 1);
    assert!(registry.revoke_signing_key("s").unwrap());
    assert!(!registry.revoke_signing_key("s").unwrap());
    assert_eq!(registry.generation(), before + 2);
}

#[test]
fn keys_that_ended_do_not_count_and_are_forgotten_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    let registry = Registry::open(&path).unwrap();
    let add = |id: &str, expires, now| registry.add_key(KeyRecord { expires, ..key(id) }, 2, now);
    let ids = |registry: &Registry| registry.keys().iter().map(|key| key.id.clone()).collect::<Vec<_>>();
    add("key-a", None, 0).unwrap();
    add("key-b", Some(10), 0).unwrap();
    assert!(matches!(add("key-c", None, 9), Err(RegistryError::TooManyKeys { limit: 2 })));
    add("key-c", None, 10).unwrap();
    registry.revoke_key("key-a", 20).unwrap();
    add("key-d", None, 20).unwrap();
    assert_eq!(ids(&registry), ["key-a", "key-b", "key-c", "key-d"]);
    assert!(matches!(add("key-e", None, 20), Err(RegistryError::TooManyKeys { limit: 2 })));

    registry.revoke_key("key-d", 30).unwrap();
    let before = registry.generation();
    add("key-e", None, 19 + ENDED_KEYS_SECONDS).unwrap();
    // Forgotten is key-b, which ended at 10; verified tokens are looked up again.
    assert_eq!(ids(&registry), ["key-a", "key-c", "key-d", "key-e"]);
    assert_eq!(registry.generation(), before + 1);
    drop(registry);
    assert_eq!(ids(&Registry::open(&path).unwrap()), ["key-a", "key-c", "key-d", "key-e"]);
}

#[test]
fn of_too_many_keys_that_ended_the_first_are_forgotten() {
    let memory = Memory {
        keys: (0..=MAX_ENDED_KEYS as u64)
            .map(|n| (format!("{n:05}"), Arc::new(KeyRecord { revoked: Some(n), ..key(&format!("{n:05}")) })))
            .collect(),
        ..Memory::default()
    };
    assert_eq!(to_forget(ended_keys(&memory, 20_000), 20_000), ["00000"]);
}

#[test]
fn expired_signing_keys_are_forgotten_when_one_is_made() {
    let registry = Registry::in_memory().unwrap();
    registry.create_signing_key(signing_key("old", 100), 0).unwrap();
    registry.create_signing_key(signing_key("older", 99), 0).unwrap();
    registry.create_signing_key(signing_key("new", 200), 99).unwrap();
    let ids: Vec<_> = registry.signing_keys().iter().map(|key| key.key_id.clone()).collect();
    assert_eq!(ids, ["new", "old"]);
}

#[test]
fn a_second_opener_is_told_that_a_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    let first = Registry::open(&path).unwrap();
    let second = Registry::open(&path).unwrap_err();
    assert!(matches!(second, RegistryError::Locked { .. }));
    let text = second.to_string();
    assert!(text.contains("registry.redb") && text.contains("a kura server runs"), "{text}");
    drop(first);
    Registry::open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_registry_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    for content in [vec![], b"hello".to_vec(), vec![0; 1 << 20], vec![0x55; 1 << 20]] {
        fs::write(&path, &content).unwrap();
        let error = Registry::open(&path).unwrap_err();
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("registry.redb"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let missing = Registry::open(&dir.path().join("no/such/registry.redb")).unwrap_err();
    assert!(matches!(&missing, RegistryError::Io { .. }), "{missing:?}");
    assert!(missing.to_string().contains("no/such/registry.redb"), "{missing}");
}

/// Each damaged byte either does not matter or is reported; none makes the registry panic or
/// believe something else.
#[test]
fn damage_is_reported_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    let registry = Registry::open(&path).unwrap();
    for n in 0..40 {
        registry.create_cache(&cache(&format!("cache-{n}")), 100).unwrap();
        registry.add_key(key(&format!("key-{n}")), 100, 0).unwrap();
    }
    let (caches, keys) = (registry.caches(), registry.keys());
    drop(registry);
    let sound = fs::read(&path).unwrap();
    let (mut harmless, mut reported) = (0, 0);
    for at in (0..320).chain((320..sound.len()).step_by(4099)) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match Registry::open(&path) {
            Ok(registry) => {
                assert_eq!(registry.caches(), caches, "byte {at}");
                assert_eq!(registry.keys(), keys, "byte {at}");
                harmless += 1;
            }
            Err(error) => {
                assert!(matches!(error, RegistryError::Corrupt { .. }), "byte {at}: {error:?}");
                reported += 1;
            }
        }
    }
    assert!(harmless > 0 && reported > 0, "{harmless} {reported}");
}

#[test]
fn two_creators_at_once_make_one_registry() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.redb");
        let opened: Vec<_> = std::thread::scope(|scope| {
            let open = || Registry::open(&path);
            let threads = [scope.spawn(open), scope.spawn(open)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(opened.iter().any(Result::is_ok), "{opened:?}");
        let locked = |error: &RegistryError| matches!(error, RegistryError::Locked { .. });
        assert!(opened.iter().all(|one| one.as_ref().err().is_none_or(locked)), "{opened:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
    }
}

#[test]
fn debug_shows_no_secret() {
    let text = format!("{:?} {:?}", signing_key("s", 5), Registry::in_memory().unwrap());
    assert!(text.contains("\"s\"") && !text.contains("165") && !text.contains("a5"), "{text}");
}
