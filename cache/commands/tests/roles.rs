//! Roles and the keys that refer to them: every refusal, and what a change does to sessions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

use std::sync::Arc;
use std::time::Duration;

use kura_base::{FakeClock, Limits, Millis};
use kura_commands::{
    Authentication, Command, Commands, Deletion, Error, Items, Lease, NewRole, Parts, PermissionSet, Role,
    RoleKind, Session, Value,
};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use serde_json::json;

const START: u64 = 1_700_000_000;

struct World {
    commands: Commands,
    clock: FakeClock,
    drawn: std::cell::Cell<u8>,
}

impl World {
    fn new() -> Self {
        let clock = FakeClock::at(Millis(START * 1000));
        let commands = Commands::new(Parts {
            registry: Arc::new(Registry::in_memory().unwrap()),
            data: Arc::new(Data::new(16 << 20, 1)),
            topics: TopicLog::new(TopicConfig { memory_bytes: 1 << 20, max_subscriptions: 16 }, Millis(0)),
            secret: SigningSecret::from_bytes([7; 32]),
            endpoint: "cell".to_owned(),
            authentication: Authentication::Optional,
            limits: Limits::default(),
            clock: Arc::new(clock.clone()),
        });
        let world = Self { commands, clock, drawn: std::cell::Cell::new(0) };
        world.commands.create_cache(&world.admin(), "c").unwrap();
        world
    }

    fn admin(&self) -> Arc<Session> {
        self.commands.authenticate(b"").unwrap()
    }

    fn random(&self) -> [u8; 48] {
        self.drawn.set(self.drawn.get() + 1);
        [self.drawn.get(); 48]
    }

    fn create(&self, role: NewRole) -> Result<Role, Error> {
        self.commands.create_role(&self.admin(), role, &self.random())
    }

    /// A key of this role, and its id.
    fn key(&self, role: &str, expires: Option<u64>) -> (String, String) {
        let made = self.commands.create_api_key(&self.admin(), role, "a key", expires, &self.random());
        let (token, info) = made.unwrap();
        (token, info.id)
    }

    fn session(&self, token: &str) -> Arc<Session> {
        self.commands.authenticate(token.as_bytes()).unwrap()
    }
}

fn rules(rules: serde_json::Value) -> PermissionSet {
    serde_json::from_value(json!({ "rules": rules })).unwrap()
}

fn on_items(rights: &[&str], items: serde_json::Value) -> PermissionSet {
    rules(json!([{"type": "cache", "permissions": rights, "caches": {"name": "c"}, "items": items}]))
}

fn role(name: &str, permissions: PermissionSet) -> NewRole {
    NewRole { name: name.to_owned(), description: None, permissions }
}

#[test]
fn a_key_may_what_its_role_says_now() {
    let world = World::new();
    let made = world.create(role("reader", on_items(&["read"], json!("*")))).unwrap();
    assert_eq!((made.kind, made.id.starts_with("r-")), (RoleKind::Custom, true));
    let (token, _) = world.key(&made.id, None);
    let session = world.session(&token);
    let may = |items| {
        world.commands.check(&session).and_then(|()| {
            world.commands.cache(&session, "c", items).map(|cache| cache.authorize_key(b"k").is_ok())
        })
    };
    assert!(may(Items::Read).unwrap());
    assert!(matches!(may(Items::Write), Err(Error::PermissionDenied(_))));

    // The same session, as a connection keeps it.
    let writer = role("writer", on_items(&["write"], json!({"key_prefix": "k"})));
    world.commands.update_role(&world.admin(), &made.id, writer).unwrap();
    assert!(matches!(may(Items::Read), Err(Error::PermissionDenied(_))));
    assert!(may(Items::Write).unwrap());
    let elsewhere = role("writer", on_items(&["write"], json!({"key": "other"})));
    world.commands.update_role(&world.admin(), &made.id, elsewhere).unwrap();
    assert!(!may(Items::Write).unwrap());
}

#[test]
fn what_a_lease_remembers_ends_with_what_it_was_found_by() {
    let world = World::new();
    let made = world.create(role("reader", on_items(&["read"], json!("*")))).unwrap();
    let (token, _) = world.key(&made.id, Some(START + 60));
    // Two connections of one session: what one has noticed must not pass for old news to the other.
    let mut leases = [Lease::new(world.session(&token)), Lease::new(world.session(&token))];
    let ask =
        |lease: &mut Lease, items| world.commands.leased(lease, "c", items, world.commands.now()).cloned();
    let read = |cache| world.commands.look(&cache, b"k", world.commands.now(), |_| ()).unwrap();
    let admin_cache = || world.commands.cache(&world.admin(), "c", Items::Write).unwrap();
    let set = || {
        let command = Command::Set { value: Value::Copied(b"v"), ttl: world.commands.ttl(120_000).unwrap() };
        world.commands.execute(admin_cache(), b"k", command, world.commands.now(), |_| {}).unwrap();
    };

    set();
    for lease in &mut leases {
        assert!(read(ask(lease, Items::Read).unwrap()).is_some());
        assert!(matches!(ask(lease, Items::Write), Err(Error::PermissionDenied(_))));
    }
    world.commands.flush_cache(&world.admin(), "c").unwrap();
    for lease in &mut leases {
        assert!(read(ask(lease, Items::Read).unwrap()).is_none());
    }
    set();
    for lease in &mut leases {
        assert!(read(ask(lease, Items::Read).unwrap()).is_some());
        assert!(matches!(
            world.commands.leased(lease, "d", Items::Read, world.commands.now()),
            Err(Error::PermissionDenied(_))
        ));
        assert!(ask(lease, Items::Read).is_ok());
    }
    let writer = role("writer", on_items(&["write"], json!({"key_prefix": "k"})));
    world.commands.update_role(&world.admin(), &made.id, writer).unwrap();
    for lease in &mut leases {
        assert!(matches!(ask(lease, Items::Read), Err(Error::PermissionDenied(_))));
        let cache = ask(lease, Items::Write).unwrap();
        assert!(cache.authorize_key(b"k").is_ok() && cache.authorize_key(b"l").is_err());
    }
    world.commands.delete_cache(&world.admin(), "c").unwrap();
    for lease in &mut leases {
        assert!(matches!(ask(lease, Items::Write), Err(Error::CacheNotFound(_))));
    }
    world.commands.create_cache(&world.admin(), "c").unwrap();
    for lease in &mut leases {
        assert!(ask(lease, Items::Write).is_ok());
    }
    world.clock.advance(Duration::from_secs(60));
    assert!(matches!(ask(&mut leases[0], Items::Write), Err(Error::Unauthenticated(_))));
    let (token, other) = world.key("viewer", None);
    let mut lease = Lease::new(world.session(&token));
    assert!(ask(&mut lease, Items::Read).is_ok());
    world.commands.revoke_api_key(&world.admin(), &other).unwrap();
    assert!(matches!(ask(&mut lease, Items::Read), Err(Error::Unauthenticated(_))));
}

#[test]
fn the_built_in_roles_reach_what_they_are_documented_to() {
    let world = World::new();
    // Reading and writing items, listing and creating caches, listing and making keys.
    for (id, expected) in
        [("owner", [true; 6]), ("operator", [true; 6]), ("viewer", [true, false, true, false, true, false])]
    {
        let session = world.session(&world.key(id, None).0);
        let commands = &world.commands;
        let reached = [
            commands.cache(&session, "c", Items::Read).is_ok(),
            commands.cache(&session, "c", Items::Write).is_ok(),
            commands.list_caches(&session, "", 10).is_ok(),
            !matches!(commands.create_cache(&session, "c"), Err(Error::PermissionDenied(_))),
            commands.list_api_keys(&session, "", 10).is_ok(),
            commands.create_api_key(&session, "viewer", "a key", None, &world.random()).is_ok(),
        ];
        assert_eq!(reached, expected, "{id}");
        for refused in [
            commands.update_role(&world.admin(), id, role("x", on_items(&["read"], json!("*")))).err(),
            commands.delete_role(&world.admin(), id).err(),
        ] {
            assert!(matches!(refused, Some(Error::BuiltIn(_))), "{refused:?}");
        }
    }
}

#[test]
fn roles_are_listed_in_pages_and_by_kind() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.create(role(name, on_items(&["read"], json!("*")))).unwrap();
    }
    let list = |kind, after: &str, limit| {
        let (roles, more) = world.commands.list_roles(&world.admin(), kind, after, limit).unwrap();
        (roles.into_iter().map(|role| role.id).collect::<Vec<_>>(), more)
    };
    let (all, more) = list(None, "", 100);
    assert_eq!((all.len(), more), (6, false));
    assert_eq!(list(Some(RoleKind::System), "", 100).0, ["operator", "owner", "viewer"]);
    assert_eq!(list(Some(RoleKind::Custom), "", 100).0.len(), 3);
    let mut paged = Vec::new();
    loop {
        let (page, more) = list(None, paged.last().map_or("", String::as_str), 2);
        assert_eq!(more, paged.len() + page.len() < all.len());
        paged.extend(page);
        if !more {
            break;
        }
    }
    assert_eq!(paged, all);
}

#[test]
fn a_role_in_use_stays_until_its_keys_have_ended() {
    let world = World::new();
    let id = world.create(role("a", on_items(&["read"], json!("*")))).unwrap().id;
    let (_, revoked) = world.key(&id, None);
    let (_, expiring) = world.key(&id, Some(START + 60));
    let delete = || world.commands.delete_role(&world.admin(), &id);
    match delete().unwrap() {
        Deletion::Blocked(keys) => {
            let ids: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
            assert_eq!(ids, [revoked.as_str(), expiring.as_str()]);
            assert!(keys.iter().all(|key| key.role.as_ref() == Some(&id)));
        }
        Deletion::Deleted => panic!("two keys are of it"),
    }
    world.commands.revoke_api_key(&world.admin(), &revoked).unwrap();
    assert!(matches!(delete().unwrap(), Deletion::Blocked(keys) if keys.len() == 1));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(delete().unwrap(), Deletion::Deleted);
    assert!(matches!(delete(), Err(Error::NotFound(_))));
    let gone = world.commands.create_api_key(&world.admin(), &id, "a key", None, &world.random());
    assert!(matches!(gone, Err(Error::NotFound(_))), "{:?}", gone.err());
}

#[test]
fn what_is_no_role_is_refused_and_names_are_taken_once() {
    let world = World::new();
    let sound = || on_items(&["read"], json!("*"));
    let id = world.create(role("taken", sound())).unwrap().id;
    let conditions = json!([{"ip_filter": {"allowed_cidr_ranges": ["10.0.0.0/8"]}}]);
    let conditional = PermissionSet { conditions: serde_json::from_value(conditions).unwrap(), ..sound() };
    let many = PermissionSet { rules: vec![sound().rules.remove(0); 101], conditions: vec![] };
    for (wrong, words) in [
        (role(" ", sound()), "role_name"),
        (role(&"x".repeat(256), sound()), "role_name"),
        (role("a\n", sound()), "role_name"),
        (role("a", rules(json!([]))), "0 rules"),
        (role("a", many), "101 rules"),
        (role("a", on_items(&[], json!("*"))), "permits nothing"),
        (role("a", conditional), "ip_filter"),
        (NewRole { description: Some("x".repeat(4097)), ..role("a", sound()) }, "description"),
    ] {
        let created = world.create(wrong.clone()).unwrap_err();
        let updated = world.commands.update_role(&world.admin(), &id, wrong).unwrap_err();
        for error in [created, updated] {
            assert!(
                matches!(&error, Error::InvalidArgument(text) if text.contains(words)),
                "{words}: {error}"
            );
        }
    }
    for name in ["taken", "Owner"] {
        assert!(matches!(world.create(role(name, sound())), Err(Error::AlreadyExists(_))), "{name}");
    }
    let other = world.create(role("other", sound())).unwrap().id;
    let renamed = world.commands.update_role(&world.admin(), &other, role("taken", sound()));
    assert!(matches!(renamed, Err(Error::AlreadyExists(_))));
    let nowhere = world.commands.update_role(&world.admin(), "r-none", role("b", sound()));
    assert!(matches!(nowhere, Err(Error::NotFound(_))));

    // Without a description, the old one stays.
    let described = NewRole { description: Some("mine".to_owned()), ..role("other", sound()) };
    world.commands.update_role(&world.admin(), &other, described).unwrap();
    let kept = world.commands.update_role(&world.admin(), &other, role("another", sound())).unwrap();
    assert_eq!((kept.name.as_str(), kept.description.as_deref()), ("another", Some("mine")));
}

#[test]
fn keys_that_are_good_are_listed_in_pages_and_end_when_they_are_revoked() {
    let world = World::new();
    let admin = world.admin();
    let keys: Vec<_> = (0..3).map(|_| world.key("viewer", None)).collect();
    world.key("viewer", Some(START + 1));
    world.clock.advance(Duration::from_secs(1));
    let (page, more) = world.commands.list_api_keys(&admin, "", 2).unwrap();
    assert_eq!((page.len(), more), (2, true));
    let (rest, more) = world.commands.list_api_keys(&admin, &page[1].id, 2).unwrap();
    assert_eq!((rest.len(), more), (1, false));
    let (token, id) = &keys[0];
    let session = world.session(token);
    world.commands.revoke_api_key(&admin, id).unwrap();
    assert!(matches!(world.commands.check(&session), Err(Error::Unauthenticated(_))));
    assert!(matches!(world.commands.revoke_api_key(&admin, id), Err(Error::NotFound(_))));
    assert!(matches!(world.commands.revoke_api_key(&admin, "key-none"), Err(Error::NotFound(_))));
    assert_eq!(world.commands.list_api_keys(&admin, "", 10).unwrap().0.len(), 2);

    let create = |role: &str, description: &str, expires| {
        world.commands.create_api_key(&admin, role, description, expires, &world.random()).map(|_| ())
    };
    assert!(matches!(create("r-none", "a key", None), Err(Error::NotFound(_))));
    for (description, expires) in
        [("", None), ("a\n", None), ("a key", Some(START + 1)), ("a key", Some(u64::MAX))]
    {
        let refused = create("viewer", description, expires);
        assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{description:?} {expires:?}");
    }
    create("viewer", "a key", Some(START + 2)).unwrap();
}

#[test]
fn managing_needs_the_right_to_write_and_listing_the_right_to_read() {
    let world = World::new();
    let id = world.create(role("a", on_items(&["read"], json!("*")))).unwrap().id;
    let data = world.session(&world.key(&id, None).0);
    let viewer = world.session(&world.key("viewer", None).0);
    for session in [&data, &viewer] {
        let commands = &world.commands;
        let new = || role("b", on_items(&["read"], json!("*")));
        let listed = [
            commands.list_roles(session, None, "", 10).is_ok(),
            commands.list_api_keys(session, "", 10).is_ok(),
        ];
        assert_eq!(listed, [Arc::ptr_eq(session, &viewer); 2]);
        for denied in [
            commands.create_role(session, new(), &world.random()).err(),
            commands.update_role(session, &id, new()).err(),
            commands.delete_role(session, &id).err(),
            commands.create_api_key(session, "viewer", "a key", None, &world.random()).err(),
            commands.revoke_api_key(session, "key-none").err(),
        ] {
            assert!(matches!(denied, Some(Error::PermissionDenied(_))), "{denied:?}");
        }
    }
}
