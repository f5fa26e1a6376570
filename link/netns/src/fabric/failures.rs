//! What could not be done in one namespace, so that the others do not wait for it.

use std::collections::BTreeSet;

use kura_model::plan::{End, Link, NamespaceName};

use crate::error::Error;

/// What failed so far.
#[derive(Debug, Default)]
pub(super) struct Failures {
    errors: Vec<Error>,
    /// Nothing more is tried in these.
    namespaces: BTreeSet<NamespaceName>,
    /// Links that do not stand, by their ends: routes by these devices wait.
    broken: BTreeSet<(NamespaceName, String)>,
}

impl Failures {
    /// A result in a namespace; its failure is written down.
    pub(super) fn take<T>(&mut self, name: &NamespaceName, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.fail(name, error)).ok()
    }

    /// Only the first failure of a namespace is told: the others follow from it.
    pub(super) fn fail(&mut self, name: &NamespaceName, error: Error) {
        if self.namespaces.insert(name.clone()) {
            self.errors.push(error);
        }
    }

    /// A failure that is no namespace's.
    pub(super) fn fail_apart(&mut self, error: Error) {
        self.errors.push(error);
    }

    pub(super) fn failed(&self, name: &NamespaceName) -> bool {
        self.namespaces.contains(name)
    }

    /// A link does not stand; the reason is told by whoever knows it.
    pub(super) fn break_link(&mut self, Link { a, b }: &Link) {
        for End { namespace, device, .. } in [a, b] {
            self.broken.insert((namespace.clone(), device.clone()));
        }
    }

    pub(super) fn is_broken(&self, name: &NamespaceName, device: &str) -> bool {
        self.broken.contains(&(name.clone(), device.to_owned()))
    }

    /// What must be looked at again, and why, if anything failed.
    pub(super) fn end(self) -> (BTreeSet<NamespaceName>, Result<(), Error>) {
        let mut again = self.namespaces;
        again.extend(self.broken.into_iter().map(|(name, _)| name));
        (again, if self.errors.is_empty() { Ok(()) } else { Err(Error::Partly(self.errors)) })
    }
}
