//! From Momento's permission messages to what a token carries.

use kura_commands::{Access, CacheSelector, Grant, ItemSelector, NameSelector, Permissions};
use kura_wire::protos::permission_messages as protos;
use kura_wire::{Code, Status};
use prost::Message as _;
use protos::permissions_type as parts;

use crate::error::undecodable;

/// Decodes a `Permissions` message and takes it over.
///
/// # Errors
/// INVALID_ARGUMENT for bytes that are not the message, and for permissions that clash or are out of form.
pub fn decode_permissions(message: &[u8]) -> Result<Permissions, Status> {
    of(Some(protos::Permissions::decode(message).map_err(|error| undecodable(&error))?))
}

/// What the message allows. Whether its entries go together is for the commands to say.
///
/// # Errors
/// INVALID_ARGUMENT for an entry that leaves out what it is about or which role it gives.
pub(crate) fn of(message: Option<protos::Permissions>) -> Result<Permissions, Status> {
    match message.and_then(|message| message.kind) {
        None => Err(refused("the request names no permissions")),
        Some(protos::permissions::Kind::SuperUser(_)) => Ok(Permissions::Superuser),
        Some(protos::permissions::Kind::Explicit(explicit)) => {
            let grants = explicit.permissions.into_iter().enumerate().map(|(at, entry)| {
                grant(entry).map_err(|words| refused(&format!("permission {} {words}", at + 1)))
            });
            Ok(Permissions::Explicit(grants.collect::<Result<_, _>>()?))
        }
    }
}

fn grant(entry: protos::PermissionsType) -> Result<Grant, &'static str> {
    match entry.kind.ok_or("is about nothing: give cache, topic or function permissions")? {
        parts::Kind::CachePermissions(cache) => {
            let access = access(cache.role)?;
            use parts::cache_permissions::{Cache, CacheItem};
            let caches = match cache.cache.ok_or(NO_CACHE)? {
                Cache::AllCaches(_) => CacheSelector::All,
                Cache::CacheSelector(selector) => named(selector)?,
            };
            let items = match cache.cache_item {
                None | Some(CacheItem::AllItems(_)) => ItemSelector::ALL,
                Some(CacheItem::ItemSelector(selector)) => {
                    use parts::cache_item_selector::Kind;
                    match selector.kind.ok_or("has an item selector without a key or prefix")? {
                        Kind::Key(key) => ItemSelector::Key(key),
                        Kind::KeyPrefix(prefix) => ItemSelector::Prefix(prefix),
                    }
                }
            };
            Ok(Grant::Items { caches, items, access })
        }
        parts::Kind::TopicPermissions(topic) => {
            let access = access(topic.role)?;
            use parts::topic_permissions::{Cache, Topic};
            let caches = match topic.cache.ok_or(NO_CACHE)? {
                Cache::AllCaches(_) => CacheSelector::All,
                Cache::CacheSelector(selector) => named(selector)?,
            };
            let topics = match topic.topic.ok_or("names no topic: give all_topics or topic_selector")? {
                Topic::AllTopics(_) => NameSelector::ALL,
                Topic::TopicSelector(selector) => {
                    use parts::topic_selector::Kind;
                    match selector.kind.ok_or("has a topic selector without a name or prefix")? {
                        Kind::TopicName(name) => NameSelector::Name(name),
                        Kind::TopicNamePrefix(prefix) => NameSelector::Prefix(prefix),
                    }
                }
            };
            Ok(Grant::Topics { caches, topics, access })
        }
        parts::Kind::FunctionPermissions(function) => {
            use parts::function_permissions::{Cache, Function};
            if function.role != protos::FunctionRole::FunctionInvoke as i32 {
                return Err(NO_ROLE);
            }
            let caches = match function.cache.ok_or(NO_CACHE)? {
                Cache::AllCaches(_) => CacheSelector::All,
                Cache::CacheSelector(selector) => named(selector)?,
            };
            let functions = function.function;
            let functions =
                match functions.ok_or("names no function: give all_functions or function_selector")? {
                    Function::AllFunctions(_) => NameSelector::ALL,
                    Function::FunctionSelector(selector) => {
                        use parts::function_selector::Kind;
                        match selector.kind.ok_or("has a function selector without a name or prefix")? {
                            Kind::FunctionName(name) => NameSelector::Name(name),
                            Kind::FunctionNamePrefix(prefix) => NameSelector::Prefix(prefix),
                        }
                    }
                };
            Ok(Grant::Functions { caches, functions })
        }
    }
}

const NO_CACHE: &str = "names no cache: give all_caches or cache_selector";
const NO_ROLE: &str = "gives no role that is known";

fn named(selector: parts::CacheSelector) -> Result<CacheSelector, &'static str> {
    match selector.kind {
        Some(parts::cache_selector::Kind::CacheName(name)) if !name.is_empty() => {
            Ok(CacheSelector::Named(name))
        }
        _ => Err("has a cache selector without a name"),
    }
}

/// The roles of caches and of topics have the same numbers.
fn access(role: i32) -> Result<Access, &'static str> {
    match protos::CacheRole::try_from(role) {
        Ok(protos::CacheRole::CacheReadWrite) => Ok(Access::ReadWrite),
        Ok(protos::CacheRole::CacheReadOnly) => Ok(Access::ReadOnly),
        Ok(protos::CacheRole::CacheWriteOnly) => Ok(Access::WriteOnly),
        Ok(protos::CacheRole::CachePermitNone) | Err(_) => Err(NO_ROLE),
    }
}

fn refused(words: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("Invalid permissions: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: parts::Kind) -> protos::Permissions {
        let permissions = vec![protos::PermissionsType { kind: Some(kind) }];
        protos::Permissions {
            kind: Some(protos::permissions::Kind::Explicit(protos::ExplicitPermissions { permissions })),
        }
    }

    fn words(message: Option<protos::Permissions>) -> String {
        let status = of(message).unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument);
        status.message.into_owned()
    }

    #[test]
    fn an_entry_that_leaves_something_out_is_refused_with_what_is_missing() {
        assert!(words(None).contains("no permissions"));
        assert!(words(Some(protos::Permissions { kind: None })).contains("no permissions"));
        let all = || Some(parts::cache_permissions::Cache::AllCaches(parts::All {}));
        let cache = |role, cache| {
            entry(parts::Kind::CachePermissions(parts::CachePermissions { role, cache, cache_item: None }))
        };
        for role in [0, 4, -1] {
            assert!(words(Some(cache(role, all()))).contains("permission 1 gives no role"), "{role}");
        }
        assert!(words(Some(cache(1, None))).contains("names no cache"));
        let empty =
            parts::CacheSelector { kind: Some(parts::cache_selector::Kind::CacheName(String::new())) };
        let selected = parts::cache_permissions::Cache::CacheSelector(empty);
        assert!(words(Some(cache(1, Some(selected)))).contains("without a name"));
        let topic = parts::TopicPermissions {
            role: 1,
            cache: Some(parts::topic_permissions::Cache::AllCaches(parts::All {})),
            topic: None,
        };
        assert!(words(Some(entry(parts::Kind::TopicPermissions(topic)))).contains("names no topic"));
    }

    #[test]
    fn without_an_item_part_all_items_are_meant() {
        let message = entry(parts::Kind::CachePermissions(parts::CachePermissions {
            role: 2,
            cache: Some(parts::cache_permissions::Cache::AllCaches(parts::All {})),
            cache_item: None,
        }));
        let grant =
            Grant::Items { caches: CacheSelector::All, items: ItemSelector::ALL, access: Access::ReadOnly };
        assert_eq!(of(Some(message)).unwrap(), Permissions::Explicit(vec![grant]));
    }
}
