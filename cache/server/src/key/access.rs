//! How users write and read what a key allows.

use clap::ValueEnum;
use kura_base::CacheName;
use kura_tokens::{Access, CacheSelector, Grant, ItemSelector, Managed, NameSelector, Permissions};

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
    Ok(Grant::Data { caches: CacheSelector::Named(name.to_string()), access })
}

/// Reads `cache:access=key` or, with `*` at its end, `cache:access=prefix*`: items by their keys.
pub(super) fn parse_items(text: &str) -> Result<Grant, String> {
    let (caches, access, selected) = parse_selection(text, "orders:readonly=user:*")?;
    let items = match selected.strip_suffix('*') {
        Some(prefix) => ItemSelector::Prefix(prefix.into()),
        None => ItemSelector::Key(selected.into()),
    };
    Ok(Grant::Items { caches, items, access })
}

/// Reads `cache:access=topic` or, with `*` at its end, `cache:access=prefix*`.
pub(super) fn parse_topics(text: &str) -> Result<Grant, String> {
    let (caches, access, selected) = parse_selection(text, "chat:writeonly=room-*")?;
    let topics = match selected.strip_suffix('*') {
        Some(prefix) => NameSelector::Prefix(prefix.to_owned()),
        None => NameSelector::Name(selected.to_owned()),
    };
    Ok(Grant::Topics { caches, topics, access })
}

fn parse_selection<'a>(text: &'a str, example: &str) -> Result<(CacheSelector, Access, &'a str), String> {
    let (grant, selected) =
        text.split_once('=').filter(|(_, selected)| !selected.is_empty()).ok_or_else(|| {
            format!("give a cache, an access and what it is for, like {example}; * alone stands for all")
        })?;
    match parse_grant(grant)? {
        Grant::Data { caches, access } => Ok((caches, access, selected)),
        _ => Err(format!("give a cache, an access and what it is for, like {example}")),
    }
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
        Permissions::Role(id) => return format!("role:{id}"),
        Permissions::Explicit(grants) => grants.as_slice(),
    };
    if let [Grant::Data { caches: CacheSelector::All, access }] = grants {
        return word(*access).to_owned();
    }
    grants.iter().map(describe_grant).collect::<Vec<_>>().join(",")
}

fn describe_grant(grant: &Grant) -> String {
    let on = |caches: &CacheSelector, access: Access| match caches {
        CacheSelector::All => format!("all:{}", word(access)),
        CacheSelector::Named(name) => format!("{name}:{}", word(access)),
    };
    let named = |selector: &NameSelector| match selector {
        NameSelector::Name(name) => name.clone(),
        NameSelector::Prefix(prefix) => format!("{prefix}*"),
    };
    match grant {
        Grant::Data { caches, access } => on(caches, *access),
        Grant::Items { caches, items, access } => {
            let selected = match items {
                ItemSelector::Key(key) => key.escape_ascii().to_string(),
                ItemSelector::Prefix(prefix) => format!("{}*", prefix.escape_ascii()),
            };
            format!("items {}={selected}", on(caches, *access))
        }
        Grant::Topics { caches, topics, access } => {
            format!("topics {}={}", on(caches, *access), named(topics))
        }
        Grant::Functions { caches: CacheSelector::All, functions } => {
            format!("functions all={}", named(functions))
        }
        Grant::Functions { caches: CacheSelector::Named(cache), functions } => {
            format!("functions {cache}={}", named(functions))
        }
        Grant::Manage { what: Managed::Caches, access } => format!("manage caches:{}", word(*access)),
        Grant::Manage { what: Managed::Keys, access } => format!("manage keys:{}", word(*access)),
    }
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
    fn items_and_topics_are_read_and_described_in_the_same_words() {
        for text in ["orders:readonly=user:*", "a:b:writeonly=a=b", "c:readwrite=*"] {
            let [items, topics] = [parse_items(text).unwrap(), parse_topics(text).unwrap()];
            let both = describe(&Permissions::Explicit(vec![items, topics]));
            assert_eq!(both, format!("items {text},topics {text}"));
        }
        for bad in ["", "orders", "orders:readonly", "orders:readonly=", "orders=k", ":readonly=k"] {
            assert!(parse_items(bad).is_err() && parse_topics(bad).is_err(), "{bad}");
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
