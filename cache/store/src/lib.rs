//! What the cache keeps: the registry of caches and keys.

mod registry;

pub use registry::{KEY_ID_PREFIX, KeyRecord, Registry, RegistryError, SigningKeyRecord};
