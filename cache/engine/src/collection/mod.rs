//! Collections: what they are made of, and what they look like from outside.
//!
//! Every collection is a [`Tree`] of pages. A small one is a tree of one page, and only that
//! page's bytes are kept, in the log, as a scalar's would be ([`Trees::to_blob`]). A large one
//! is kept apart as the tree itself. Commands see no difference: reading makes a tree of one
//! page from the bytes or takes a handle on the large one, and happens outside of any lock.

mod heap;
mod kinds;
mod node;
mod page;
#[cfg(test)]
mod tests;
mod tree;
mod window;

use std::sync::Arc;

pub use kinds::{Dictionary, List, Set, SortedSet};
pub use window::{Elements, Fields, Scored};

pub(crate) use heap::Heap;

use crate::ItemType;
use page::Shape;
use tree::Tree;

/// A kind of collection.
#[expect(private_bounds, reason = "the kinds are these four")]
pub trait Collection: OfTrees {
    /// The kind.
    const TYPE: ItemType;

    /// How many elements there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes it takes.
    fn bytes(&self) -> u64;
}

/// How a kind of collection is built on trees.
pub(crate) trait OfTrees: Sized {
    fn of(trees: Trees) -> Self;
    fn into_trees(self) -> Trees;
}

/// What a collection consists of.
#[derive(Clone, Debug)]
pub(crate) struct Trees {
    /// The elements, in the order of the collection.
    main: Tree,
    /// The elements of a sorted set by value, with their scores; none while there is one page.
    by_value: Option<Tree>,
}

impl Trees {
    pub(crate) fn new(heap: &Arc<Heap>, kind: ItemType) -> Self {
        Self { main: Tree::new(heap, shape(kind)), by_value: None }
    }

    /// The collection that [`to_blob`](Self::to_blob) made these bytes of.
    pub(crate) fn of_blob(heap: &Arc<Heap>, kind: ItemType, blob: &[u8]) -> Self {
        match blob.split_first() {
            Some((&count, page)) => {
                let main = Tree::of_page(heap, shape(kind), usize::from(count), page);
                Self { main, by_value: None }
            }
            None => Self::new(heap, kind),
        }
    }

    /// The collection in bytes, if it has one page of at most `max_bytes`: the number of
    /// elements in one byte, then the page.
    pub(crate) fn to_blob(&self, max_bytes: usize) -> Option<Vec<u8>> {
        let page = self.main.only_page()?;
        let count = u8::try_from(page.count()).ok()?;
        if page.bytes().len() + 1 > max_bytes {
            return None;
        }
        let mut blob = Vec::with_capacity(page.bytes().len() + 1);
        blob.push(count);
        blob.extend_from_slice(page.bytes());
        Some(blob)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.main.is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> u64 {
        self.main.bytes() + self.by_value.as_ref().map_or(0, Tree::bytes)
    }
}

fn shape(kind: ItemType) -> Shape {
    match kind {
        ItemType::Dictionary => Shape::Pairs,
        ItemType::List => Shape::List,
        ItemType::Set | ItemType::SortedSet | ItemType::Scalar => Shape::Keys,
    }
}
