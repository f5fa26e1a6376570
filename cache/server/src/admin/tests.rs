use std::time::Duration;

use kura_base::{FakeClock, Millis};
use kura_tokens::{Access, CacheSelector, Grant, Permissions, TokenError, unwrap_v1, verify};

use super::*;

pub(crate) const START: Millis = Millis(1_700_000_000_000);

/// An administrator on a registry in memory, with what it works on.
pub(crate) struct Bench {
    pub(crate) admin: Arc<Admin>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) secret: SigningSecret,
    pub(crate) clock: FakeClock,
    pub(crate) events: Arc<Mutex<Vec<CacheEvent>>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let registry = Arc::new(Registry::in_memory().unwrap());
        let secret = SigningSecret::from_bytes([9; 32]);
        let clock = FakeClock::at(START);
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let admin = Arc::new(Admin::new(
            Arc::clone(&registry),
            secret.clone(),
            Cell::parse("h.test").unwrap(),
            Arc::new(clock.clone()),
            Limits { max_caches: 2, max_keys: 3, ..Limits::default() },
            move |event| seen.lock().push(event),
        ));
        Self { admin, registry, secret, clock, events }
    }

    fn create(&self, new: NewKey) -> Result<NewKeyInfo, AdminError> {
        match self.admin.perform(Request::CreateKey(new))? {
            Answer::KeyCreated(key) => Ok(key),
            other => panic!("{other:?}"),
        }
    }

    fn keys(&self) -> Vec<KeyInfo> {
        match self.admin.perform(Request::ListKeys).unwrap() {
            Answer::Keys(keys) => keys,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn new_key() -> NewKey {
    NewKey {
        name: "app".to_owned(),
        permissions: Permissions::Superuser,
        format: Format::V2,
        lifetime_seconds: None,
        endpoint: None,
    }
}

#[test]
fn a_new_key_verifies_and_is_on_record() {
    let bench = Bench::new();
    let permissions = Permissions::Explicit(vec![Grant::Data {
        caches: CacheSelector::Named("orders".to_owned()),
        access: Access::ReadOnly,
    }]);
    let new = NewKey { permissions: permissions.clone(), lifetime_seconds: Some(60), ..new_key() };
    let key = bench.create(new).unwrap();
    assert!(key.id.starts_with(KEY_ID_PREFIX) && key.id.len() == 20, "{}", key.id);
    assert_eq!(key.expires, Some(1_700_000_060));

    let claims = verify(&bench.secret, &key.api_key.0, START).unwrap();
    assert_eq!((claims.id.as_str(), &claims.permissions), (key.id.as_str(), &permissions));
    let later = START.plus(Duration::from_secs(60));
    let expired = verify(&bench.secret, &key.api_key.0, later);
    assert_eq!(expired, Err(TokenError::Expired { at: 1_700_000_060 }));
    let record = bench.registry.key(&key.id).unwrap();
    assert_eq!(record.fingerprint, fingerprint(&key.api_key.0));
    assert_eq!(record.permissions, permissions);
    assert_ne!(bench.create(new_key()).unwrap().id, key.id);
}

#[test]
fn a_v1_key_carries_its_endpoint() {
    let bench = Bench::new();
    for (asked, endpoint) in [(None, "h.test"), (Some("cache-host.example:8443"), "cache-host.example:8443")]
    {
        let endpoint_asked = asked.map(str::to_owned);
        let key = bench.create(NewKey { format: Format::V1, endpoint: endpoint_asked, ..new_key() }).unwrap();
        let (found, token) = unwrap_v1(&key.api_key.0).unwrap();
        assert_eq!(found, endpoint);
        assert_eq!(key.endpoint.as_deref(), Some(endpoint));
        assert_eq!(verify(&bench.secret, &token, START).unwrap().id, key.id);
        assert_eq!(bench.registry.key(&key.id).unwrap().fingerprint, fingerprint(&token));
    }
}

#[test]
fn keys_that_make_no_sense_are_refused_and_leave_nothing() {
    let bench = Bench::new();
    let refused = |new: NewKey| bench.create(new).unwrap_err().to_string();
    for name in ["", "  ", "a\nb", &"x".repeat(256)] {
        assert!(refused(NewKey { name: name.to_owned(), ..new_key() }).contains("needs a name"));
    }
    let v2_with_endpoint = NewKey { endpoint: Some("h.test".to_owned()), ..new_key() };
    assert!(refused(v2_with_endpoint).contains("only a v1 key"));
    for endpoint in
        ["", "https://h.test", "h.test:", "h.test:0", "h.test:65536", "h.test:+1", "h.test:1:2", "h/x"]
    {
        let new = NewKey { format: Format::V1, endpoint: Some(endpoint.to_owned()), ..new_key() };
        assert!(refused(new).contains("is no endpoint"), "{endpoint}");
    }
    for seconds in [0, u64::MAX, 253_402_300_800] {
        let new = NewKey { lifetime_seconds: Some(seconds), ..new_key() };
        assert!(refused(new).contains("cannot expire"), "{seconds}");
    }
    let grant = Grant::Data { caches: CacheSelector::Named("x".repeat(200)), access: Access::ReadOnly };
    let long = NewKey { permissions: Permissions::Explicit(vec![grant; 30]), ..new_key() };
    assert!(refused(long).contains("4096"));
    assert_eq!(bench.keys(), []);
    for _ in 0..3 {
        bench.create(new_key()).unwrap();
    }
    assert!(refused(new_key()).contains("3 keys already"));
    let id = bench.keys()[0].id.clone();
    bench.admin.perform(Request::RevokeKey { id }).unwrap();
    bench.create(new_key()).unwrap();
    assert!(refused(new_key()).contains("3 keys already"));
}

#[test]
fn keys_are_listed_oldest_first_with_their_state() {
    let bench = Bench::new();
    let short = bench.create(NewKey { lifetime_seconds: Some(10), ..new_key() }).unwrap();
    bench.clock.advance(Duration::from_secs(1));
    let revoked = bench.create(new_key()).unwrap();
    bench.clock.advance(Duration::from_secs(9));
    let live = bench.create(new_key()).unwrap();
    bench.admin.perform(Request::RevokeKey { id: revoked.id.clone() }).unwrap();
    let found: Vec<_> = bench.keys().into_iter().map(|key| (key.id, key.state, key.revoked)).collect();
    let expected = [
        (short.id, KeyState::Expired, None),
        (revoked.id, KeyState::Revoked, Some(1_700_000_010)),
        (live.id, KeyState::Live, None),
    ];
    assert_eq!(found, expected);
}

#[test]
fn revoking_is_repeatable_and_moves_the_generation_once() {
    let bench = Bench::new();
    let key = bench.create(new_key()).unwrap();
    let before = bench.registry.generation();
    let revoke = |id: &str| bench.admin.perform(Request::RevokeKey { id: id.to_owned() });
    assert_eq!(revoke(&key.id).unwrap(), Answer::Changed { changed: true });
    assert_eq!(bench.registry.generation(), before + 1);
    assert_eq!(revoke(&key.id).unwrap(), Answer::Changed { changed: false });
    assert_eq!(bench.registry.generation(), before + 1);
    assert!(revoke("key-none").unwrap_err().to_string().contains("key-none"));
}

#[test]
fn caches_are_created_listed_and_deleted_and_the_server_hears_of_it() {
    let bench = Bench::new();
    let create = |name: &str| bench.admin.perform(Request::CreateCache { name: name.to_owned() });
    let delete = |name: &str| bench.admin.perform(Request::DeleteCache { name: name.to_owned() });
    assert_eq!(create("b").unwrap(), Answer::Changed { changed: true });
    assert_eq!(create("b").unwrap(), Answer::Changed { changed: false });
    create("a").unwrap();
    assert!(create("c").unwrap_err().to_string().contains("limit"));
    assert!(create(" ").unwrap_err().to_string().contains("blank"));
    let caches = Answer::Caches(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(bench.admin.perform(Request::ListCaches).unwrap(), caches);
    delete("b").unwrap();
    assert!(delete("b").unwrap_err().to_string().contains("no cache named b"));
    let [a, b] = ["a", "b"].map(|name| CacheName::parse(name).unwrap());
    let events = [CacheEvent::Created(b.clone()), CacheEvent::Created(a), CacheEvent::Deleted(b)];
    assert_eq!(*bench.events.lock(), events);
}

#[test]
fn debug_shows_no_key() {
    let bench = Bench::new();
    let key = bench.create(new_key()).unwrap();
    assert!(!format!("{:?}", Answer::KeyCreated(key)).contains("eyJ"));
}
