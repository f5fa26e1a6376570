//! Work that is done at once, and work that takes long.

use crate::DataError;

/// What became of a command.
#[derive(Debug)]
pub enum Outcome<R> {
    /// It is done.
    Done(R),
    /// It would take long.
    Long(Long<R>),
}

/// Work that would hold an event loop for more than about 100 µs: to be run where blocking is
/// allowed.
#[must_use = "nothing happens until it is run"]
pub struct Long<R>(Box<dyn FnOnce() -> Result<R, DataError> + Send>);

impl<R> Long<R> {
    pub(crate) fn new(work: impl FnOnce() -> Result<R, DataError> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// Does the work. Waits for other work on the same collection.
    ///
    /// # Errors
    /// [`DataError`]; the collection is then as it was.
    pub fn run(self) -> Result<R, DataError> {
        (self.0)()
    }
}

impl<R> std::fmt::Debug for Long<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Long")
    }
}
