//! Roles: named sets of rules that keys refer to. A change of a role is a change of all its keys.

use kura_store::{ROLE_ID_PREFIX, Registry, RoleRecord};
use kura_tokens::rules::{PermissionSet, Right};
use kura_tokens::{Managed, Need, Permissions};

use crate::{ApiKeyInfo, Commands, Error, Session};

/// Most custom roles. Momento documents that there is a limit and not which.
const MAX_ROLES: usize = 1000;

/// Most rules of a role: each is looked at in each call.
const MAX_RULES: usize = 100;

/// Longest name and longest description of a role, in bytes.
const MAX_NAME_BYTES: usize = 255;
const MAX_DESCRIPTION_BYTES: usize = 4096;

/// A role as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Which role it is.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it is built in.
    pub kind: RoleKind,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: PermissionSet,
}

/// Who made a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// It is built in and cannot be changed.
    System,
    /// A user of this server.
    Custom,
}

/// A role to be made, or what to make of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: PermissionSet,
}

/// What became of a role that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Deleted,
    /// It stays, because these keys are of it.
    Blocked(Vec<ApiKeyInfo>),
}

impl Commands {
    /// The roles after `after` in order of their ids, at most `limit`, and whether there are more.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn list_roles(
        &self,
        session: &Session,
        kind: Option<RoleKind>,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<Role>, bool), Error> {
        session.authorize_managing(Need::Read, Managed::Keys)?;
        let mut roles = Vec::from(built_in());
        roles.extend(self.registry.roles().iter().map(|role| Role::of(role)));
        roles.retain(|role| role.id.as_str() > after && kind.is_none_or(|kind| role.kind == kind));
        roles.sort_by(|a, b| a.id.cmp(&b.id));
        let more = roles.len() > limit;
        roles.truncate(limit);
        Ok((roles, more))
    }

    /// Makes a role, with an id from the random bytes.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::InvalidArgument`], [`Error::AlreadyExists`] for the
    /// name, [`Error::LimitReached`], [`Error::Storage`].
    pub fn create_role(&self, session: &Session, new: NewRole, random: &[u8; 48]) -> Result<Role, Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        let [a, b, c, d, e, f, ..] = random;
        let id = format!("{ROLE_ID_PREFIX}{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}");
        let role = new.check(id)?;
        self.registry.create_role(role.clone(), MAX_ROLES)?;
        Ok(Role::of(&role))
    }

    /// Replaces a role; without a description it keeps the one that it has.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::BuiltIn`], [`Error::InvalidArgument`],
    /// [`Error::NotFound`], [`Error::AlreadyExists`] for the name, [`Error::Storage`].
    pub fn update_role(&self, session: &Session, id: &str, new: NewRole) -> Result<Role, Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        must_not_be_built_in(id)?;
        Ok(Role::of(&*self.registry.update_role(new.check(id.to_owned())?)?))
    }

    /// Deletes a role that no key is of.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::BuiltIn`], [`Error::NotFound`], [`Error::Storage`].
    pub fn delete_role(&self, session: &Session, id: &str) -> Result<Deletion, Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        must_not_be_built_in(id)?;
        let in_use = self.registry.delete_role(id, self.now().epoch_seconds())?;
        if in_use.is_empty() {
            return Ok(Deletion::Deleted);
        }
        Ok(Deletion::Blocked(in_use.iter().map(|key| ApiKeyInfo::of(key)).collect()))
    }

    /// Checks that there is a role of this id; those on record are checked again when a key of
    /// them is stored.
    pub(crate) fn must_have_role(&self, id: &str) -> Result<(), Error> {
        if built_in().iter().any(|role| role.id == id) || self.registry.role(id).is_some() {
            return Ok(());
        }
        Err(Error::NotFound(format!("there is no role with the id {id}")))
    }
}

impl Role {
    fn of(role: &RoleRecord) -> Self {
        Self {
            id: role.id.clone(),
            name: role.name.clone(),
            kind: RoleKind::Custom,
            description: role.description.clone(),
            permissions: role.permissions.clone(),
        }
    }
}

impl NewRole {
    fn check(self, id: String) -> Result<RoleRecord, Error> {
        let Self { name, description, permissions } = self;
        let refuse = |text: String| Err(Error::InvalidArgument(text));
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return refuse(format!(
                "Invalid role_name: give it 1 to {MAX_NAME_BYTES} bytes without control characters"
            ));
        }
        if built_in().iter().any(|role| role.name == name) {
            return Err(Error::AlreadyExists(format!("there is a role named {name} already")));
        }
        if description.as_ref().is_some_and(|text| text.len() > MAX_DESCRIPTION_BYTES) {
            return refuse(format!("Invalid description: at most {MAX_DESCRIPTION_BYTES} bytes are allowed"));
        }
        if !permissions.conditions.is_empty() {
            return refuse(
                "Invalid permissions: this server does not enforce conditions such as ip_filter, so it takes \
                 no role that has some; leave them out and restrict addresses in the network"
                    .to_owned(),
            );
        }
        let rules = &permissions.rules;
        if rules.is_empty() || rules.len() > MAX_RULES {
            return refuse(format!(
                "Invalid permissions: it has {} rules; give 1 to {MAX_RULES}",
                rules.len()
            ));
        }
        if let Some(at) = rules.iter().position(kura_tokens::rules::Rule::permits_nothing) {
            return refuse(format!("Invalid permissions: rule {} permits nothing", at + 1));
        }
        Ok(RoleRecord { id, name, description, permissions })
    }
}

/// What keys of this role may do now; nothing if it does not exist.
pub(crate) fn permissions(registry: &Registry, id: &str) -> Permissions {
    if id == OWNER {
        return Permissions::Superuser;
    }
    let built_in = built_in().into_iter().find(|role| role.id == id).map(|role| role.permissions);
    let set = built_in.or_else(|| registry.role(id).map(|role| role.permissions.clone()));
    set.map_or(Permissions::Explicit(Vec::new()), |set| set.permissions())
}

/// The role of superusers.
pub(crate) const OWNER: &str = "owner";

/// The roles that are there without being made. Momento documents what Operator and Viewer may do
/// with accounts, keys, resources and databases. What its databases hold, caches hold here, so
/// they have the same rights on items and topics.
fn built_in() -> [Role; 3] {
    let role = |id: &str, name: &str, description: &str, permissions| Role {
        id: id.to_owned(),
        name: name.to_owned(),
        kind: RoleKind::System,
        description: Some(description.to_owned()),
        permissions,
    };
    [
        role(OWNER, "Owner", "Everything", PermissionSet::everything()),
        role(
            "operator",
            "Operator",
            "Reads and writes everything, but does not manage accounts",
            PermissionSet::everything(),
        ),
        role("viewer", "Viewer", "Reads everything", PermissionSet::all(&[Right::Read, Right::List])),
    ]
}

fn must_not_be_built_in(id: &str) -> Result<(), Error> {
    if built_in().iter().any(|role| role.id == id) {
        return Err(Error::BuiltIn(format!("{id} is a system role: it cannot be changed or deleted")));
    }
    Ok(())
}
