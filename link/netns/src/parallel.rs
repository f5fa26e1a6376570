//! The same work on many namespaces, on a few threads.

use std::{
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::error::{During as _, Error};

/// More threads than this only wait for the same locks of the kernel.
const MOST_THREADS: usize = 8;

/// Does `work` on every item, on threads that are thrown away, so that it may move them into namespaces.
/// Returns the results in the items' order; what fails on one item does not keep it from the others.
///
/// # Errors
/// When a thread cannot be started.
pub(crate) fn parallel<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<T, Error> + Sync,
) -> Result<Vec<Result<T, Error>>, Error> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Result<T, Error>)>> = Mutex::new(Vec::with_capacity(items.len()));
    let lock = || results.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            let worker = || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    // Worked out before the lock is taken.
                    let result = work(item);
                    lock().push((index, result));
                }
            };
            thread::Builder::new()
                .name("fabric".into())
                .spawn_scoped(scope, worker)
                .during(|| "start a thread".into())?;
        }
        Ok::<_, Error>(())
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
