//! What is found after the process dies between any two writes, or the disk refuses one.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use redb::StorageBackend;

use super::*;
use crate::registry::file::{create_database, open_database};

/// A disk that is a vector, and that refuses writes once its budget is used up.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Writes that still succeed; negative once refused.
    budget: Arc<AtomicI64>,
}

impl Disk {
    fn with(bytes: Vec<u8>, budget: i64) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes)), budget: Arc::new(AtomicI64::new(budget)) }
    }

    /// A disk with an empty registry on it.
    fn formatted() -> Self {
        let disk = Self::with(Vec::new(), i64::MAX);
        create_database(disk.clone()).unwrap();
        disk
    }

    fn spend(&self) -> io::Result<()> {
        if self.budget.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn registry(&self) -> Result<Registry, RegistryError> {
        let disk = self.clone();
        let open = Box::new(move || open_database(disk.clone()));
        Registry::with(File::with(Path::new("disk"), open)?)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock();
        let found = bytes.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend()?;
        self.bytes.lock().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend()?;
        let mut bytes = self.bytes.lock();
        bytes[offset as usize..offset as usize + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// Makes some changes and returns how many were acknowledged.
fn make_changes(disk: &Disk) -> usize {
    let Ok(registry) = disk.registry() else { return 0 };
    let changes: [&dyn Fn() -> bool; 5] = [
        &|| registry.create_cache(&cache("a"), 9).is_ok(),
        &|| registry.add_key(key("key-1"), 100, 0).is_ok(),
        &|| registry.create_cache(&cache("b"), 9).is_ok(),
        &|| registry.revoke_key("key-1", 7).is_ok(),
        &|| registry.delete_cache(&cache("a")).is_ok(),
    ];
    changes.iter().take_while(|change| change()).count()
}

/// What is registered after so many of those changes.
fn state_after(changes: usize) -> (Vec<CacheName>, Vec<Arc<KeyRecord>>) {
    let revoked = KeyRecord { revoked: Some(7), ..key("key-1") };
    let caches: &[&str] = match changes {
        0 => &[],
        1 | 2 => &["a"],
        3 | 4 => &["a", "b"],
        _ => &["b"],
    };
    let keys = match changes {
        0 | 1 => vec![],
        2 | 3 => vec![Arc::new(key("key-1"))],
        _ => vec![Arc::new(revoked)],
    };
    (caches.iter().map(|name| cache(name)).collect(), keys)
}

#[test]
fn after_dying_at_any_write_the_acknowledged_changes_are_there() {
    const PLENTY: i64 = 1_000_000;
    let formatted = Disk::formatted().bytes.lock().clone();
    let whole = Disk::with(formatted.clone(), PLENTY);
    assert_eq!(make_changes(&whole), 5);
    let writes = PLENTY - whole.budget.load(Ordering::Relaxed);
    assert!(writes > 20, "{writes}");
    for budget in 0..=writes {
        let disk = Disk::with(formatted.clone(), budget);
        let acknowledged = make_changes(&disk);
        let left = Disk::with(disk.bytes.lock().clone(), PLENTY);
        let registry = left.registry().unwrap_or_else(|error| panic!("after {budget} writes: {error}"));
        let found = (registry.caches(), registry.keys());
        let next = (acknowledged + 1).min(5);
        assert!(
            found == state_after(acknowledged) || found == state_after(next),
            "after {budget} writes, {acknowledged} acknowledged: {found:?}"
        );
    }
}

#[test]
fn a_full_disk_is_named_and_the_registry_goes_on_once_there_is_room() {
    for room in 0..12 {
        let disk = Disk::formatted();
        let registry = disk.registry().unwrap();
        assert!(registry.create_cache(&cache("a"), 9).unwrap());
        disk.budget.store(room, Ordering::Relaxed);
        let generation = registry.generation();
        let failed = (0..20).map(|n| registry.create_cache(&cache(&format!("n{n}")), 99));
        let error = failed.filter_map(Result::err).next().unwrap();
        assert!(matches!(error, RegistryError::DiskFull { .. }), "{error:?}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(registry.contains_cache("a"), "reads go on");
        assert!(registry.create_cache(&cache("b"), 99).is_err(), "still full");

        disk.budget.store(i64::MAX, Ordering::Relaxed);
        registry.create_cache(&cache("b"), 99).unwrap();
        assert!(registry.generation() > generation, "an unacknowledged revocation would count");
        let caches = registry.caches();
        assert!(caches.contains(&cache("a")) && caches.contains(&cache("b")));
        drop(registry);
        assert_eq!(disk.registry().unwrap().caches(), caches);
    }
}
