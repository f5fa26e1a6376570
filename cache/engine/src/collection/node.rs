//! The nodes of a tree, and how they change.
//!
//! Nodes are shared between versions of a tree. Whoever changes one that others hold too
//! changes a copy of it ([`Arc::make_mut`]); its children stay shared.

use crate::buffer;
use std::sync::Arc;

use super::heap::Heap;
use super::page::{Page, Spot};

/// Most children of a node.
const FANOUT: usize = 64;
/// What a node takes beside its page or its list of children: itself, the reference counts,
/// and the allocator's share of two allocations.
const NODE_BYTES: u64 = size_of::<Node>() as u64 + 16 + 32;
/// What a separator takes beside its bytes.
const SEPARATOR_BYTES: usize = 32;

/// A page, or a list of nodes.
#[derive(Debug)]
pub(crate) struct Node {
    heap: Arc<Heap>,
    /// What the heap has been told that this node takes.
    bytes: u64,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Leaf(Page),
    /// All of the same height.
    Inner(Vec<Child>),
}

/// A node with what its parent must know of it.
#[derive(Clone, Debug)]
pub(super) struct Child {
    /// No key of the node is below this, all of those before it are; without meaning for the
    /// first, and in lists.
    pub(super) least: Arc<[u8]>,
    /// Elements below.
    pub(super) count: u64,
    /// What it takes with all below, in bytes.
    pub(super) bytes: u64,
    pub(super) node: Arc<Node>,
}

/// Where something is to be put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// In its place in order, instead of what has the same key.
    Key(&'a [u8]),
    /// Before the element of an index.
    Index(u64),
}

impl Clone for Node {
    fn clone(&self) -> Self {
        Self::new(self.heap.clone(), self.body.clone())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.heap.shrink(self.bytes);
    }
}

impl Child {
    fn new(least: Arc<[u8]>, node: Arc<Node>) -> Self {
        Self { least, count: node.count(), bytes: node.total_bytes(), node }
    }

    fn refresh(&mut self) {
        self.count = self.node.count();
        self.bytes = self.node.total_bytes();
    }
}

impl Node {
    pub(super) fn new(heap: Arc<Heap>, body: Body) -> Self {
        let bytes = body.bytes();
        heap.grow(bytes);
        Self { heap, bytes, body }
    }

    /// A root over a node that was split.
    pub(super) fn over(heap: Arc<Heap>, first: Arc<Node>, others: Vec<Child>) -> Self {
        let mut children = vec![Child::new(Arc::default(), first)];
        children.extend(others);
        Self::new(heap, Body::Inner(children))
    }

    pub(super) fn count(&self) -> u64 {
        match &self.body {
            Body::Leaf(page) => page.count() as u64,
            Body::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    /// Bytes of this node and all below.
    pub(super) fn total_bytes(&self) -> u64 {
        match &self.body {
            Body::Leaf(_) => self.bytes,
            Body::Inner(children) => self.bytes + children.iter().map(|child| child.bytes).sum::<u64>(),
        }
    }

    /// Puts an entry in; whether it is one more than before, and the nodes that follow this one
    /// if it had to be split.
    pub(super) fn put(this: &mut Arc<Self>, target: Target<'_>, entry: &[u8]) -> (bool, Vec<Child>) {
        let node = Arc::make_mut(this);
        let heap = &node.heap;
        let (is_new, split) = match &mut node.body {
            Body::Leaf(page) => {
                let (spot, replace) = spot_in(page, target);
                let pages = page.put(spot, replace, entry);
                (!replace, as_children(heap, page, pages))
            }
            Body::Inner(children) => {
                let (at, target) = child_for(children, target);
                let (is_new, siblings) = Self::put(&mut children[at].node, target, entry);
                children[at].refresh();
                if siblings.is_empty() {
                    return (is_new, siblings);
                }
                children.splice(at + 1..at + 1, siblings);
                (is_new, split_children(heap, children, at))
            }
        };
        node.recount();
        (is_new, split)
    }

    /// Takes elements out, from one index up to but without another.
    pub(super) fn remove(this: &mut Arc<Self>, start: u64, end: u64) {
        let node = Arc::make_mut(this);
        match &mut node.body {
            Body::Leaf(page) => page.remove(start as usize, end as usize),
            Body::Inner(children) => remove_below(&node.heap, children, start, end),
        }
        node.recount();
    }

    fn recount(&mut self) {
        let bytes = self.body.bytes();
        if bytes > self.bytes {
            self.heap.grow(bytes - self.bytes);
        } else {
            self.heap.shrink(self.bytes - bytes);
        }
        self.bytes = bytes;
    }

    fn is_sparse(&self) -> bool {
        match &self.body {
            Body::Leaf(page) => page.is_sparse(),
            Body::Inner(children) => children.len() < FANOUT / 4,
        }
    }

    fn can_take(&self, right: &Self) -> bool {
        match (&self.body, &right.body) {
            (Body::Leaf(left), Body::Leaf(right)) => left.can_take(right),
            (Body::Inner(left), Body::Inner(right)) => left.len() + right.len() <= FANOUT / 4 * 3,
            _ => false,
        }
    }
}

impl Body {
    fn bytes(&self) -> u64 {
        NODE_BYTES
            + match self {
                Self::Leaf(page) => buffer::allocated(page.capacity()) as u64,
                Self::Inner(children) => {
                    let separators: usize =
                        children.iter().map(|child| child.least.len() + SEPARATOR_BYTES).sum();
                    (children.capacity() * size_of::<Child>() + separators) as u64
                }
            }
    }
}

/// The child that a key belongs to.
pub(super) fn child_of(children: &[Child], key: &[u8]) -> usize {
    children[1..].partition_point(|child| &*child.least <= key)
}

/// The child that an index is in, and its index there; behind the last element that is the end
/// of the last child.
pub(super) fn child_at(children: &[Child], mut index: u64) -> (usize, u64) {
    let last = children.len() - 1;
    for (at, child) in children[..last].iter().enumerate() {
        if index < child.count {
            return (at, index);
        }
        index -= child.count;
    }
    (last, index)
}

fn child_for<'a>(children: &[Child], target: Target<'a>) -> (usize, Target<'a>) {
    match target {
        Target::Key(key) => (child_of(children, key), target),
        Target::Index(index) => {
            let (at, index) = child_at(children, index);
            (at, Target::Index(index))
        }
    }
}

fn spot_in(page: &Page, target: Target<'_>) -> (Spot, bool) {
    match target {
        Target::Index(index) => (page.spot(index as usize), false),
        Target::Key(key) => match page.search(key) {
            Ok(spot) => (spot, true),
            Err(spot) => (spot, false),
        },
    }
}

/// Pages that follow `first`, as nodes.
fn as_children(heap: &Arc<Heap>, first: &Page, pages: Vec<Page>) -> Vec<Child> {
    let mut least = Vec::with_capacity(pages.len());
    let mut before = first;
    for page in &pages {
        least.push(before.separator(page).into());
        before = page;
    }
    let node = |page| Arc::new(Node::new(heap.clone(), Body::Leaf(page)));
    least.into_iter().zip(pages).map(|(least, page)| Child::new(least, node(page))).collect()
}

/// Splits a list of children that was added to behind `at`, if it is too long now.
fn split_children(heap: &Arc<Heap>, children: &mut Vec<Child>, at: usize) -> Vec<Child> {
    if children.len() <= FANOUT {
        return Vec::new();
    }
    // What grows at its end leaves full nodes behind.
    let middle = if at + 1 >= FANOUT { FANOUT } else { children.len() / 2 };
    let right = children.split_off(middle);
    children.shrink_to_fit();
    let least = right[0].least.clone();
    vec![Child::new(least, Arc::new(Node::new(heap.clone(), Body::Inner(right))))]
}

fn remove_below(heap: &Heap, children: &mut Vec<Child>, start: u64, end: u64) {
    let (mut first, mut before) = (0, 0);
    while before + children[first].count <= start {
        before += children[first].count;
        first += 1;
    }
    if before < start {
        let child = &mut children[first];
        let after = before + child.count;
        Node::remove(&mut child.node, start - before, end.min(after) - before);
        child.refresh();
        if end <= after {
            mend(heap, children, first);
            return;
        }
        before = after;
        first += 1;
    }
    let mut last = first;
    while last < children.len() && before + children[last].count <= end {
        before += children[last].count;
        last += 1;
    }
    if before < end {
        let child = &mut children[last];
        Node::remove(&mut child.node, 0, end - before);
        child.refresh();
    }
    for child in children.drain(first..last) {
        heap.release(child.node);
    }
    mend(heap, children, first);
    mend(heap, children, first.saturating_sub(1));
}

/// Merges a child that has become small with a neighbour, if one has room.
fn mend(heap: &Heap, children: &mut Vec<Child>, at: usize) {
    if !children.get(at).is_some_and(|child| child.node.is_sparse()) {
        return;
    }
    for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        if left + 1 < children.len() && children[left].node.can_take(&children[left + 1].node) {
            let right = children.remove(left + 1);
            let node = Arc::make_mut(&mut children[left].node);
            match (&mut node.body, &right.node.body) {
                (Body::Leaf(into), Body::Leaf(from)) => into.append(from),
                (Body::Inner(into), Body::Inner(from)) => {
                    let joint = into.len();
                    into.extend_from_slice(from);
                    // Its own bound is void: keys may have gone below it while it was the first.
                    into[joint].least = right.least.clone();
                }
                _ => {}
            }
            node.recount();
            children[left].refresh();
            heap.release(right.node);
            return;
        }
    }
}
