//! How users write and read what a key allows.

use clap::ValueEnum;
use kura_base::CacheName;
use kura_tokens::{Access, CacheSelector, Grant, Permissions};

/// What a key allows on all caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(super) enum Role {
    /// Everything, creating and deleting caches included.
    Superuser,
    /// Reading and writing all caches.
    ReadWrite,
    /// Reading all caches.
    ReadOnly,
}

impl Role {
    pub(super) fn permissions(self) -> Permissions {
        match self {
            Self::Superuser => Permissions::Superuser,
            Self::ReadWrite => Permissions::all_caches(Access::ReadWrite),
            Self::ReadOnly => Permissions::all_caches(Access::ReadOnly),
        }
    }
}

/// Reads `name:access`. The name may itself contain colons.
pub(super) fn parse_grant(text: &str) -> Result<Grant, String> {
    let (name, access) = text.rsplit_once(':').unwrap_or((text, ""));
    let access = match access {
        "readwrite" => Access::ReadWrite,
        "readonly" => Access::ReadOnly,
        "writeonly" => Access::WriteOnly,
        _ => {
            return Err("give a cache and an access to it, like orders:readwrite, orders:readonly or \
                         orders:writeonly"
                .to_owned());
        }
    };
    let name = CacheName::parse(name).map_err(|error| error.to_string())?;
    Ok(Grant { caches: CacheSelector::Named(name.to_string()), access })
}

/// The word for an access.
pub(super) fn word(access: Access) -> &'static str {
    match access {
        Access::ReadWrite => "readwrite",
        Access::ReadOnly => "readonly",
        Access::WriteOnly => "writeonly",
    }
}

/// What a key allows, in the words it was asked for with.
pub(super) fn describe(permissions: &Permissions) -> String {
    let grants = match permissions {
        Permissions::Superuser => return "superuser".to_owned(),
        Permissions::Explicit(grants) => grants.as_slice(),
    };
    if let [Grant { caches: CacheSelector::All, access }] = grants {
        return word(*access).to_owned();
    }
    let parts = grants.iter().map(|grant| match &grant.caches {
        CacheSelector::All => format!("all:{}", word(grant.access)),
        CacheSelector::Named(name) => format!("{name}:{}", word(grant.access)),
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_and_described_in_the_same_words() {
        for text in ["orders:readwrite", "a:b:readonly", "x y:writeonly"] {
            let grant = parse_grant(text).unwrap();
            assert_eq!(describe(&Permissions::Explicit(vec![grant])), text);
        }
        for bad in ["", "orders", "orders:", ":readonly", "orders:rw", "orders:READONLY", " :readonly"] {
            assert!(parse_grant(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn roles_are_described_by_their_names() {
        for (role, name) in
            [(Role::Superuser, "superuser"), (Role::ReadWrite, "readwrite"), (Role::ReadOnly, "readonly")]
        {
            assert_eq!(describe(&role.permissions()), name);
            assert_eq!(role.to_possible_value().unwrap().get_name(), name);
        }
    }
}
