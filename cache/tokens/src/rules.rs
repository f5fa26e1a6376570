//! What a role allows, as Momento's roles API writes it: rules with rights and selectors, and
//! what they come to in grants.
//!
//! A role keeps its rules as they were given, also those about things that this server does not
//! have (accounts, stores, databases): they are shown again, and reach nothing.

mod selector;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{Access, Grant, Managed, Permissions};
pub use selector::{Everything, Item, Name, NameOrPrefix};

/// What a role allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionSet {
    /// What is allowed; rules add up.
    pub rules: Vec<Rule>,
    /// Under which circumstances. This server enforces none and refuses a set that has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A circumstance under which a set of rules holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The caller's address lies in one of these ranges.
    IpFilter {
        /// Ranges with their prefix lengths, such as `10.0.0.0/8`.
        allowed_cidr_ranges: Vec<String>,
    },
}

/// Something that a rule permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Looking at one.
    Read,
    /// Changing, making and ending.
    Write,
    /// Looking at all of them.
    List,
}

/// What a rule about accounts permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRight {
    /// Looking at one.
    Read,
    /// Looking at all of them.
    List,
}

/// What a rule about databases permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseRight {
    /// Commands that read.
    Read,
    /// Commands that write.
    Write,
}

/// What a rule about functions permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionRight {
    /// Invoking it.
    Invoke,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the documented ones of the kind of rule")]
pub enum Rule {
    /// About the account; reaches nothing here.
    AccountManagement { permissions: Vec<AccountRight> },
    /// About keys, tokens and roles.
    AuthManagement { permissions: Vec<Right>, items: Everything },
    /// About caches as such.
    ResourceManagement { permissions: Vec<Right>, resources: Everything },
    /// About items. `list` reaches nothing: no call lists items.
    Cache { permissions: Vec<Right>, caches: Name, items: Item },
    /// About topics. `list` reaches nothing: no call lists topics.
    Topic { permissions: Vec<Right>, caches: Name, topics: NameOrPrefix },
    /// About stores; reaches nothing here.
    Store { permissions: Vec<Right>, stores: Name, items: Item },
    /// About functions; reaches nothing here.
    Function { permissions: Vec<FunctionRight>, caches: Name, functions: NameOrPrefix },
    /// About databases; reaches nothing here.
    Database {
        permissions: Vec<DatabaseRight>,
        databases: Name,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items: Option<Item>,
    },
}

impl PermissionSet {
    /// Everything that a role can be allowed.
    #[must_use]
    pub fn everything() -> Self {
        Self::all(&[Right::Read, Right::Write, Right::List])
    }

    /// These rights on everything.
    #[must_use]
    pub fn all(rights: &[Right]) -> Self {
        let database = |right: &Right| match right {
            Right::Read => Some(DatabaseRight::Read),
            Right::Write => Some(DatabaseRight::Write),
            Right::List => None,
        };
        let permissions = rights.to_vec();
        let mut rules = vec![
            Rule::AccountManagement { permissions: vec![AccountRight::Read, AccountRight::List] },
            Rule::AuthManagement { permissions: permissions.clone(), items: Everything },
            Rule::ResourceManagement { permissions: permissions.clone(), resources: Everything },
            Rule::Database {
                permissions: rights.iter().filter_map(database).collect(),
                databases: Name::All,
                items: None,
            },
            Rule::Cache { permissions: permissions.clone(), caches: Name::All, items: Item::All },
            Rule::Topic { permissions, caches: Name::All, topics: NameOrPrefix::All },
        ];
        if rights.contains(&Right::Write) {
            rules.push(Rule::Function {
                permissions: vec![FunctionRight::Invoke],
                caches: Name::All,
                functions: NameOrPrefix::All,
            });
        }
        Self { rules, conditions: Vec::new() }
    }

    /// What the rules allow.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        Permissions::Explicit(self.rules.iter().filter_map(Rule::grant).collect())
    }
}

impl Rule {
    /// Whether the rule permits something at all.
    #[must_use]
    pub fn permits_nothing(&self) -> bool {
        match self {
            Self::AccountManagement { permissions } => permissions.is_empty(),
            Self::AuthManagement { permissions, .. }
            | Self::ResourceManagement { permissions, .. }
            | Self::Cache { permissions, .. }
            | Self::Topic { permissions, .. }
            | Self::Store { permissions, .. } => permissions.is_empty(),
            Self::Function { permissions, .. } => permissions.is_empty(),
            Self::Database { permissions, .. } => permissions.is_empty(),
        }
    }

    fn grant(&self) -> Option<Grant> {
        match self {
            Self::AuthManagement { permissions, .. } => {
                managing(permissions).map(|access| Grant::Manage { what: Managed::Keys, access })
            }
            Self::ResourceManagement { permissions, .. } => {
                managing(permissions).map(|access| Grant::Manage { what: Managed::Caches, access })
            }
            Self::Cache { permissions, caches, items } => {
                access(permissions.contains(&Right::Read), permissions.contains(&Right::Write))
                    .map(|access| Grant::Items { caches: caches.into(), items: items.into(), access })
            }
            Self::Topic { permissions, caches, topics } => {
                access(permissions.contains(&Right::Read), permissions.contains(&Right::Write))
                    .map(|access| Grant::Topics { caches: caches.into(), topics: topics.into(), access })
            }
            Self::Function { caches, functions, .. } => {
                Some(Grant::Functions { caches: caches.into(), functions: functions.into() })
            }
            Self::AccountManagement { .. } | Self::Store { .. } | Self::Database { .. } => None,
        }
    }
}

fn access(reads: bool, writes: bool) -> Option<Access> {
    match (reads, writes) {
        (true, true) => Some(Access::ReadWrite),
        (true, false) => Some(Access::ReadOnly),
        (false, true) => Some(Access::WriteOnly),
        (false, false) => None,
    }
}

/// Of what is managed, seeing one and listing all is the same here.
fn managing(rights: &[Right]) -> Option<Access> {
    access(rights.iter().any(|right| *right != Right::Write), rights.contains(&Right::Write))
}
