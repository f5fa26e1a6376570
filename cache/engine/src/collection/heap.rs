//! What collections take on the heap: counted, and freed a little at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::node::{Body, Node};

/// The books over all nodes of trees, whoever holds them: the store, an answer on its way out,
/// a command at work.
///
/// A tree given up is not freed on the spot, which could take milliseconds: its root is put
/// aside, and [`free`](Self::free) takes it apart.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    bytes: AtomicU64,
    /// Bytes that all shards together leave free for what takes memory beside the engine.
    left_free: AtomicU64,
    discarded: Mutex<Discarded>,
}

#[derive(Debug, Default)]
struct Discarded {
    /// Nodes that nobody holds any more.
    nodes: Vec<Node>,
    /// Nothing is put aside any more: there is nobody to free it.
    closed: bool,
}

impl Heap {
    /// Bytes of all nodes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Bytes that all shards together have to do without.
    pub(crate) fn withheld(&self) -> u64 {
        self.bytes() + self.left_free.load(Relaxed)
    }

    pub(crate) fn leave_free(&self, bytes: u64) {
        self.left_free.store(bytes, Relaxed);
    }

    pub(super) fn grow(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn shrink(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Gives up one handle on a node; with the last one the node is put aside.
    pub(super) fn release(&self, node: Arc<Node>) {
        let Some(node) = Arc::into_inner(node) else { return };
        if let Body::Inner(_) = node.body {
            let mut discarded = self.discarded.lock();
            if !discarded.closed {
                discarded.nodes.push(node);
            }
        }
    }

    /// Frees about `max_nodes` nodes put aside; the number freed.
    pub(crate) fn free(&self, max_nodes: usize) -> usize {
        let mut freed = 0;
        while freed < max_nodes {
            let Some(mut node) = self.discarded.lock().nodes.pop() else { break };
            freed += 1;
            if let Body::Inner(children) = &mut node.body {
                for child in std::mem::take(children) {
                    freed += 1;
                    self.release(child.node);
                }
            }
        }
        freed
    }

    /// Whether nodes wait to be freed.
    pub(crate) fn has_discarded(&self) -> bool {
        !self.discarded.lock().nodes.is_empty()
    }

    /// Frees all that was put aside, and from now on at once: nodes hold the heap, and the heap
    /// must not hold nodes when its engine is gone.
    pub(crate) fn close(&self) {
        self.discarded.lock().closed = true;
        while self.free(usize::MAX) > 0 {}
    }
}
