//! Roles in the registry. The built-in ones are not: they are the same everywhere.

use std::sync::Arc;

use kura_tokens::Permissions;

use super::file::Change;
use super::{KeyRecord, Registry, RegistryError, RoleRecord};

impl Registry {
    /// The role of this id.
    #[must_use]
    pub fn role(&self, id: &str) -> Option<Arc<RoleRecord>> {
        self.memory.read().roles.get(id).cloned()
    }

    /// All roles, by id.
    #[must_use]
    pub fn roles(&self) -> Vec<Arc<RoleRecord>> {
        self.memory.read().roles.values().cloned().collect()
    }

    /// Adds a role unless there are `limit` already.
    ///
    /// # Errors
    /// [`RegistryError::RoleExists`] if there is one of this name, [`RegistryError::TooManyRoles`],
    /// or why the change could not be stored.
    pub fn create_role(&self, role: RoleRecord, limit: usize) -> Result<(), RegistryError> {
        self.change(|memory| {
            if memory.roles.values().any(|other| other.name == role.name || other.id == role.id) {
                return Err(RegistryError::RoleExists { name: role.name });
            }
            if memory.roles.len() >= limit {
                return Err(RegistryError::TooManyRoles { limit });
            }
            Ok((Some(Change::PutRole(Arc::new(role))), ()))
        })
    }

    /// Replaces a role; without a description it keeps the one that it has. Every key of it allows
    /// what the new one says from when this returns.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchRole`], [`RegistryError::RoleExists`] if another one has this name,
    /// or why the change could not be stored.
    pub fn update_role(&self, mut role: RoleRecord) -> Result<Arc<RoleRecord>, RegistryError> {
        let updated = self.change(|memory| {
            let Some(old) = memory.roles.get(&role.id) else {
                return Err(RegistryError::NoSuchRole { id: role.id });
            };
            if memory.roles.values().any(|other| other.name == role.name && other.id != role.id) {
                return Err(RegistryError::RoleExists { name: role.name });
            }
            role.description = role.description.or_else(|| old.description.clone());
            let role = Arc::new(role);
            Ok((Some(Change::PutRole(role.clone())), role))
        })?;
        self.next_generation(true);
        Ok(updated)
    }

    /// Deletes a role unless keys of it are good at second `now` since the Unix epoch; those keys.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchRole`], or why the change could not be stored.
    pub fn delete_role(&self, id: &str, now: u64) -> Result<Vec<Arc<KeyRecord>>, RegistryError> {
        let in_use = self.change(|memory| {
            if !memory.roles.contains_key(id) {
                return Err(RegistryError::NoSuchRole { id: id.to_owned() });
            }
            let of_role = |key: &&Arc<KeyRecord>| {
                matches!(&key.permissions, Permissions::Role(role) if role == id) && key.is_live(now)
            };
            let in_use: Vec<_> = memory.keys.values().filter(of_role).cloned().collect();
            let change = in_use.is_empty().then(|| Change::RemoveRole(id.to_owned()));
            Ok((change, in_use))
        })?;
        self.next_generation(in_use.is_empty());
        Ok(in_use)
    }
}
