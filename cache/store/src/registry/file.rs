//! The registry's file: what is stored, and when it is on disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura_base::CacheName;
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    TableError,
};
use serde::de::DeserializeOwned;

use super::memory::Memory;
use super::{KeyRecord, RegistryError, RoleRecord, SigningKeyRecord};

/// Facts about the file itself.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const CACHES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("caches");
const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");
const ROLES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("roles");
const SIGNING_KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("signing_keys");

/// Which arrangement of tables and records this version writes, under `format` in [`META`].
const FORMAT: u64 = 2;

/// The arrangement before there were roles, and grants on items and topics.
const FORMAT_WITHOUT_ROLES: u64 = 1;

/// What is stored with a cache: nothing yet, as an empty JSON object.
const CACHE_RECORD: &[u8] = b"{}";

/// All of it is in memory already, so redb's page cache (1 GiB by default) has no work.
const PAGE_CACHE_BYTES: usize = 1 << 20;

/// One change, stored as a whole or not at all.
#[derive(Debug)]
pub(super) enum Change {
    AddCache(CacheName),
    RemoveCache(CacheName),
    AddKey { key: Arc<KeyRecord>, forgotten: Vec<String> },
    PutKey(Arc<KeyRecord>),
    PutRole(Arc<RoleRecord>),
    RemoveRole(String),
    AddSigningKey { key: Arc<SigningKeyRecord>, expired: Vec<String> },
    RemoveSigningKey(String),
}

/// Opens the database; again after each failure, because redb refuses all work after one.
type Opener = Box<dyn Fn() -> Result<Database, redb::Error> + Send>;

/// The open file, or the way to open it again.
pub(super) struct File {
    path: PathBuf,
    open: Opener,
    database: Option<Database>,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, RegistryError> {
        let failed = |error| RegistryError::io(path, error);
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !path.try_exists().map_err(failed)? {
            create(path, directory).map_err(|error| RegistryError::from_redb(path, error))?;
        }
        // The file's name must be as durable as its content, also if its creator died just before.
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        let owned = path.to_owned();
        let open = move || {
            let file = fs::File::options().read(true).write(true).open(&owned)?;
            if file.metadata()?.len() == 0 {
                return Err(redb::Error::Corrupted("it is empty".to_owned()));
            }
            open_database(FileBackend::new(file)?)
        };
        Self::with(path, Box::new(open))
    }

    pub(super) fn in_memory() -> Result<Self, RegistryError> {
        let open = || create_database(InMemoryBackend::new());
        Self::with(Path::new("the registry in memory"), Box::new(open))
    }

    pub(super) fn with(path: &Path, open: Opener) -> Result<Self, RegistryError> {
        let mut file = Self { path: path.to_owned(), open, database: None };
        file.database = Some(file.reopen()?);
        Ok(file)
    }

    /// Opens the file again if a failure has closed it, and then returns what is in it.
    ///
    /// The change that failed may have reached the disk all the same.
    pub(super) fn recover(&mut self) -> Result<Option<Memory>, RegistryError> {
        if self.database.is_some() {
            return Ok(None);
        }
        self.database = Some(self.reopen()?);
        self.load().map(Some)
    }

    /// Reads everything.
    pub(super) fn load(&self) -> Result<Memory, RegistryError> {
        let corrupt = |reason: &dyn std::fmt::Display| RegistryError::corrupt(&self.path, reason);
        let mut memory = Memory::default();
        for (name, _) in self.entries(CACHES)? {
            let name = CacheName::parse(&name).map_err(|error| corrupt(&error))?;
            memory.caches.insert(name);
        }
        for (id, record) in self.entries(KEYS)? {
            memory.keys.insert(id, Arc::new(self.parse(&record)?));
        }
        for (id, record) in self.entries(ROLES)? {
            memory.roles.insert(id, Arc::new(self.parse(&record)?));
        }
        for (id, record) in self.entries(SIGNING_KEYS)? {
            memory.signing_keys.insert(id, Arc::new(self.parse(&record)?));
        }
        Ok(memory)
    }

    /// Makes `change` durable. After an error nothing is known until [`recover`](Self::recover).
    pub(super) fn store(&mut self, change: &Change) -> Result<(), RegistryError> {
        let stored = match &self.database {
            Some(database) => write(database, change),
            None => Err(redb::Error::DatabaseClosed),
        };
        stored.map_err(|error| {
            self.database = None;
            RegistryError::from_redb(&self.path, error)
        })
    }

    fn reopen(&self) -> Result<Database, RegistryError> {
        let failed = |error| RegistryError::from_redb(&self.path, error);
        let database = (self.open)().map_err(failed)?;
        match format_of(&database).map_err(failed)? {
            Some(FORMAT) => {}
            Some(FORMAT_WITHOUT_ROLES) => add_roles(&database).map_err(failed)?,
            Some(found) if found > FORMAT => {
                let path = self.path.clone();
                return Err(RegistryError::NewerVersion { path, found, known: FORMAT });
            }
            _ => return Err(RegistryError::corrupt(&self.path, "it has no known format")),
        }
        Ok(database)
    }

    fn entries(
        &self,
        table: TableDefinition<'_, &'static str, &'static [u8]>,
    ) -> Result<Vec<(String, Vec<u8>)>, RegistryError> {
        let read = || -> Result<_, redb::Error> {
            let database = self.database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
            let table = database.begin_read()?.open_table(table)?;
            let entries = table.iter()?.map(|entry| {
                let (key, value) = entry?;
                Ok((key.value().to_owned(), value.value().to_owned()))
            });
            entries.collect()
        };
        read().map_err(|error| RegistryError::from_redb(&self.path, error))
    }

    fn parse<T: DeserializeOwned>(&self, record: &[u8]) -> Result<T, RegistryError> {
        serde_json::from_slice(record).map_err(|error| RegistryError::corrupt(&self.path, error))
    }
}

/// Creates an empty registry at `path`, or does nothing if there is one by then.
///
/// It is made under another name and renamed when it is whole: redb does not open a file whose
/// creation was interrupted.
fn create(path: &Path, directory: &Path) -> Result<(), redb::Error> {
    // Readable and writable by its owner only, and so is what it is renamed to.
    let file = tempfile::Builder::new().prefix("registry-new-").tempfile_in(directory)?;
    drop(create_database(FileBackend::new(file.reopen()?)?)?);
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(failed.error.into()),
    }
}

/// Opens, checking every page: without that, redb may panic on a damaged database.
pub(super) fn open_database(backend: impl StorageBackend) -> Result<Database, redb::Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(PAGE_CACHE_BYTES).set_check_integrity_on_open(true);
    Ok(builder.create_with_backend(backend)?)
}

/// Makes an empty registry.
pub(super) fn create_database(backend: impl StorageBackend) -> Result<Database, redb::Error> {
    let database = open_database(backend)?;
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    transaction.open_table(CACHES)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(ROLES)?;
    transaction.open_table(SIGNING_KEYS)?;
    transaction.commit()?;
    Ok(database)
}

/// Makes a registry of the format before into one of this format, which earlier versions of Kura
/// then refuse: they would not understand what it may hold.
fn add_roles(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ROLES)?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    Ok(transaction.commit()?)
}

fn format_of(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(Some(meta.get("format")?.map_or(0, |format| format.value()))),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn write(database: &Database, change: &Change) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    match change {
        Change::AddCache(name) => {
            transaction.open_table(CACHES)?.insert(name.as_str(), CACHE_RECORD)?;
        }
        Change::RemoveCache(name) => {
            transaction.open_table(CACHES)?.remove(name.as_str())?;
        }
        Change::AddKey { key, forgotten } => {
            let mut table = transaction.open_table(KEYS)?;
            for id in forgotten {
                table.remove(id.as_str())?;
            }
            table.insert(key.id.as_str(), json(key.as_ref())?.as_slice())?;
        }
        Change::PutKey(key) => {
            transaction.open_table(KEYS)?.insert(key.id.as_str(), json(key.as_ref())?.as_slice())?;
        }
        Change::PutRole(role) => {
            transaction.open_table(ROLES)?.insert(role.id.as_str(), json(role.as_ref())?.as_slice())?;
        }
        Change::RemoveRole(id) => {
            transaction.open_table(ROLES)?.remove(id.as_str())?;
        }
        Change::AddSigningKey { key, expired } => {
            let mut table = transaction.open_table(SIGNING_KEYS)?;
            for key_id in expired {
                table.remove(key_id.as_str())?;
            }
            table.insert(key.key_id.as_str(), json(key.as_ref())?.as_slice())?;
        }
        Change::RemoveSigningKey(key_id) => {
            transaction.open_table(SIGNING_KEYS)?.remove(key_id.as_str())?;
        }
    }
    Ok(transaction.commit()?)
}

fn json(record: &impl serde::Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(record).map_err(|error| redb::Error::Io(error.into()))
}

/// Makes the file at `path` one as it was before there were roles.
#[cfg(test)]
pub(super) fn make_older(path: &Path) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let database = open_database(FileBackend::new(file).unwrap()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.delete_table(ROLES).unwrap();
    transaction.open_table(META).unwrap().insert("format", FORMAT_WITHOUT_ROLES).unwrap();
    transaction.commit().unwrap();
}
