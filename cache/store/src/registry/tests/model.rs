//! Any sequence of changes, with reopening between them, against plain maps.

use std::collections::BTreeMap;

use kura_tokens::rules::{PermissionSet, Right};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    CreateCache(u8),
    DeleteCache(u8),
    AddKey(u8),
    RevokeKey(u8, u64),
    CreateRole(u8, u8),
    UpdateRole(u8, u8),
    DeleteRole(u8),
    AddKeyOfRole(u8, u8),
    CreateSigningKey(u8, u64),
    RevokeSigningKey(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..8u8;
    prop_oneof![
        4 => n.clone().prop_map(Step::CreateCache),
        2 => n.clone().prop_map(Step::DeleteCache),
        3 => n.clone().prop_map(Step::AddKey),
        2 => (n.clone(), 1..9u64).prop_map(|(n, at)| Step::RevokeKey(n, at)),
        2 => (n.clone(), n.clone()).prop_map(|(n, name)| Step::CreateRole(n, name)),
        2 => (n.clone(), n.clone()).prop_map(|(n, name)| Step::UpdateRole(n, name)),
        2 => n.clone().prop_map(Step::DeleteRole),
        2 => (n.clone(), n.clone()).prop_map(|(n, role)| Step::AddKeyOfRole(n, role)),
        2 => (n.clone(), 1..9u64).prop_map(|(n, at)| Step::CreateSigningKey(n, at)),
        1 => n.prop_map(Step::RevokeSigningKey),
        1 => Just(Step::Reopen),
    ]
}

const MOST_CACHES: usize = 5;
const MOST_ROLES: usize = 4;
/// All signing keys are made at this second.
const NOW: u64 = 3;

#[derive(Default)]
struct Model {
    caches: BTreeMap<String, ()>,
    keys: BTreeMap<String, KeyRecord>,
    roles: BTreeMap<String, RoleRecord>,
    signing_keys: BTreeMap<String, SigningKeyRecord>,
}

pub(super) fn role(n: u8, name: u8) -> RoleRecord {
    RoleRecord {
        id: format!("{ROLE_ID_PREFIX}{n}"),
        name: format!("role {name}"),
        description: Some("for tests".to_owned()),
        permissions: PermissionSet::all(&[Right::Read]),
    }
}

impl Model {
    /// Whether another role has this one's name.
    fn has_role_named(&self, role: &RoleRecord) -> bool {
        self.roles.values().any(|other| other.name == role.name && other.id != role.id)
    }

    fn agrees(&self, registry: &Registry) {
        let caches: Vec<_> = self.caches.keys().map(|name| cache(name)).collect();
        assert_eq!(registry.caches(), caches);
        let keys: Vec<_> = self.keys.values().cloned().map(Arc::new).collect();
        assert_eq!(registry.keys(), keys);
        let roles: Vec<_> = self.roles.values().cloned().map(Arc::new).collect();
        assert_eq!(registry.roles(), roles);
        let signing_keys: Vec<_> = self.signing_keys.values().cloned().map(Arc::new).collect();
        assert_eq!(registry.signing_keys(), signing_keys);
    }

    fn take(&mut self, step: Step, registry: &Registry) {
        match step {
            Step::CreateCache(n) => {
                let name = format!("c{n}");
                let created = registry.create_cache(&cache(&name), MOST_CACHES);
                if self.caches.contains_key(&name) {
                    assert!(!created.unwrap());
                } else if self.caches.len() == MOST_CACHES {
                    assert!(matches!(created, Err(RegistryError::TooManyCaches { .. })));
                } else {
                    assert!(created.unwrap());
                    self.caches.insert(name, ());
                }
            }
            Step::DeleteCache(n) => {
                let name = format!("c{n}");
                let deleted = registry.delete_cache(&cache(&name)).unwrap();
                assert_eq!(deleted, self.caches.remove(&name).is_some());
            }
            Step::AddKey(n) => {
                let record = key(&format!("key-{n}"));
                let added = registry.add_key(record.clone(), 100, NOW).is_ok();
                assert_eq!(added, !self.keys.contains_key(&record.id));
                self.keys.entry(record.id.clone()).or_insert(record);
            }
            Step::RevokeKey(n, at) => {
                let id = format!("key-{n}");
                let live = self.keys.get_mut(&id).filter(|key| key.revoked.is_none());
                assert_eq!(registry.revoke_key(&id, at).unwrap(), live.is_some());
                if let Some(key) = live {
                    key.revoked = Some(at);
                }
            }
            Step::CreateRole(n, name) => {
                let record = role(n, name);
                let created = registry.create_role(record.clone(), MOST_ROLES);
                if self.roles.contains_key(&record.id) || self.has_role_named(&record) {
                    assert!(matches!(created, Err(RegistryError::RoleExists { .. })));
                } else if self.roles.len() == MOST_ROLES {
                    assert!(matches!(created, Err(RegistryError::TooManyRoles { .. })));
                } else {
                    created.unwrap();
                    self.roles.insert(record.id.clone(), record);
                }
            }
            Step::UpdateRole(n, name) => {
                let record = role(n, name);
                let updated = registry.update_role(record.clone());
                if !self.roles.contains_key(&record.id) {
                    assert!(matches!(updated, Err(RegistryError::NoSuchRole { .. })));
                } else if self.has_role_named(&record) {
                    assert!(matches!(updated, Err(RegistryError::RoleExists { .. })));
                } else {
                    assert_eq!(*updated.unwrap(), record);
                    self.roles.insert(record.id.clone(), record);
                }
            }
            Step::DeleteRole(n) => {
                let id = role(n, n).id;
                let of_role = |key: &&KeyRecord| {
                    key.permissions == Permissions::Role(id.clone()) && key.revoked.is_none()
                };
                let in_use = self.keys.values().filter(of_role).count();
                match registry.delete_role(&id, NOW) {
                    Ok(found) => {
                        assert_eq!(found.len(), in_use);
                        assert!(self.roles.contains_key(&id));
                        if in_use == 0 {
                            self.roles.remove(&id);
                        }
                    }
                    Err(_) => assert!(!self.roles.contains_key(&id)),
                }
            }
            Step::AddKeyOfRole(n, role_number) => {
                let permissions = Permissions::Role(role(role_number, role_number).id);
                let record = KeyRecord { permissions, ..key(&format!("key-r{n}")) };
                let added = registry.add_key(record.clone(), 100, NOW).is_ok();
                let known = self.roles.contains_key(&role(role_number, role_number).id);
                assert_eq!(added, known && !self.keys.contains_key(&record.id));
                if added {
                    self.keys.insert(record.id.clone(), record);
                }
            }
            Step::CreateSigningKey(n, expires) => {
                let record = signing_key(&format!("s{n}"), expires);
                let created = registry.create_signing_key(record.clone(), NOW).is_ok();
                assert_eq!(created, !self.signing_keys.contains_key(&record.key_id));
                if created {
                    self.signing_keys.retain(|_, key| key.expires > NOW);
                    self.signing_keys.insert(record.key_id.clone(), record);
                }
            }
            Step::RevokeSigningKey(n) => {
                let key_id = format!("s{n}");
                let revoked = registry.revoke_signing_key(&key_id).unwrap();
                assert_eq!(revoked, self.signing_keys.remove(&key_id).is_some());
            }
            Step::Reopen => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_registry_is_a_map_that_survives(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.redb");
        let mut registry = Some(Registry::open(&path).unwrap());
        let mut model = Model::default();
        for step in steps {
            if matches!(step, Step::Reopen) {
                drop(registry.take());
                registry = Some(Registry::open(&path).unwrap());
            }
            model.take(step, registry.as_ref().unwrap());
            model.agrees(registry.as_ref().unwrap());
        }
        drop(registry);
        model.agrees(&Registry::open(&path).unwrap());
    }
}
