//! A counted B+tree of pages, each version of which can be kept at no cost.
//!
//! Finding, putting, removing, and finding by position take time in the logarithm of the size;
//! there is no rehashing, no rebalancing of more than a path, and a clone is a reference: what
//! is changed afterwards is copied, a path at a time.

use std::ops::Range;
use std::sync::Arc;

use super::heap::Heap;
use super::node::{Body, Node, Target, child_at, child_of};
use super::page::{Entries, Entry, Page, Shape, encode};

/// Elements in order of their keys, or in the order they were put.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    heap: Arc<Heap>,
    shape: Shape,
    /// None if there are no elements.
    root: Option<Arc<Node>>,
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Some(root) = self.root.take() {
            self.heap.release(root);
        }
    }
}

impl Tree {
    pub(crate) fn new(heap: &Arc<Heap>, shape: Shape) -> Self {
        Self { heap: heap.clone(), shape, root: None }
    }

    /// A tree of one page, not empty.
    pub(crate) fn of_page(heap: &Arc<Heap>, shape: Shape, count: usize, bytes: &[u8]) -> Self {
        let body = Body::Leaf(Page::of_bytes(shape, count, bytes.to_vec()));
        Self { heap: heap.clone(), shape, root: Some(Arc::new(Node::new(heap.clone(), body))) }
    }

    /// An empty tree on the same heap.
    pub(crate) fn empty_like(&self, shape: Shape) -> Self {
        Self::new(&self.heap, shape)
    }

    /// Its page, if it has just one.
    pub(crate) fn only_page(&self) -> Option<&Page> {
        match &self.root.as_deref()?.body {
            Body::Leaf(page) => Some(page),
            Body::Inner(_) => None,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.count())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// What it takes on the heap.
    pub(crate) fn bytes(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.total_bytes())
    }

    #[cfg(test)]
    pub(super) fn root(&self) -> Option<&Node> {
        self.root.as_deref()
    }

    // === reading ===

    /// The element of this key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Entry<'_>> {
        let mut node = self.root.as_deref()?;
        loop {
            match &node.body {
                Body::Inner(children) => node = &children[child_of(children, key)].node,
                Body::Leaf(page) => return page.entry(page.search(key).ok()?.offset),
            }
        }
    }

    /// The index of this key, or else the one it would have.
    pub(crate) fn rank(&self, key: &[u8]) -> Result<u64, u64> {
        let Some(mut node) = self.root.as_deref() else { return Err(0) };
        let mut before = 0;
        loop {
            match &node.body {
                Body::Inner(children) => {
                    let at = child_of(children, key);
                    before += children[..at].iter().map(|child| child.count).sum::<u64>();
                    node = &children[at].node;
                }
                Body::Leaf(page) => {
                    return match page.search(key) {
                        Ok(spot) => Ok(before + spot.index as u64),
                        Err(spot) => Err(before + spot.index as u64),
                    };
                }
            }
        }
    }

    /// The element of this index.
    pub(crate) fn at(&self, index: u64) -> Option<Entry<'_>> {
        let (page, within) = self.page_at(index)?;
        page.entry(page.spot(within).offset)
    }

    /// Elements from one index up to but without another; from the last to the first if `back`.
    pub(crate) fn walk(&self, range: Range<u64>, back: bool) -> Walk<'_> {
        let end = range.end.min(self.len());
        Walk { tree: self, range: range.start.min(end)..end, back, page: Vec::new() }
    }

    /// All elements in order.
    pub(crate) fn iter(&self) -> Walk<'_> {
        self.walk(0..u64::MAX, false)
    }

    /// The page that an index is in, and the index in it.
    fn page_at(&self, mut index: u64) -> Option<(&Page, usize)> {
        let mut node = self.root.as_deref()?;
        loop {
            match &node.body {
                Body::Inner(children) => {
                    let (at, within) = child_at(children, index);
                    (node, index) = (&children[at].node, within);
                }
                Body::Leaf(page) => return Some((page, usize::try_from(index).ok()?)),
            }
        }
    }

    // === writing ===

    /// Puts an element in its place, instead of one with the same key; whether there was none.
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.put(Target::Key(key), Entry { key, value })
    }

    /// Puts an element before the one of an index.
    pub(crate) fn insert_at(&mut self, index: u64, key: &[u8]) {
        self.put(Target::Index(index), Entry { key, value: &[] });
    }

    /// Removes the element of this key; whether there was one.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Ok(index) = self.rank(key) else { return false };
        self.remove_range(index..index + 1);
        true
    }

    /// Removes elements from one index up to but without another.
    pub(crate) fn remove_range(&mut self, range: Range<u64>) {
        let len = self.len();
        let (start, end) = (range.start, range.end.min(len));
        if start >= end {
            return;
        }
        if end - start == len {
            if let Some(root) = self.root.take() {
                self.heap.release(root);
            }
            return;
        }
        if let Some(root) = &mut self.root {
            Node::remove(root, start, end);
        }
        self.lower_root();
    }

    fn put(&mut self, target: Target<'_>, entry: Entry<'_>) -> bool {
        let encoded = encode(self.shape, entry);
        let Some(root) = &mut self.root else {
            let body = Body::Leaf(Page::of_entry(self.shape, &encoded));
            self.root = Some(Arc::new(Node::new(self.heap.clone(), body)));
            return true;
        };
        let (is_new, others) = Node::put(root, target, &encoded);
        if !others.is_empty()
            && let Some(first) = self.root.take()
        {
            self.root = Some(Arc::new(Node::over(self.heap.clone(), first, others)));
        }
        is_new
    }

    fn lower_root(&mut self) {
        while let Some(root) = &self.root
            && let Body::Inner(children) = &root.body
            && let [only] = children.as_slice()
        {
            let below = only.node.clone();
            if let Some(root) = self.root.replace(below) {
                drop(root);
            }
        }
    }
}

/// Elements one after another.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    tree: &'a Tree,
    /// What is left, without what is in `page`.
    range: Range<u64>,
    back: bool,
    /// Elements read ahead, the next one last.
    page: Vec<Entry<'a>>,
}

impl<'a> Walk<'a> {
    fn read_page(&mut self) -> Option<()> {
        if self.range.is_empty() {
            return None;
        }
        let index = if self.back { self.range.end - 1 } else { self.range.start };
        let (page, within) = self.tree.page_at(index)?;
        let first = index - within as u64;
        let skip = self.range.start.saturating_sub(first) as usize;
        let stop = (self.range.end - first).min(page.count() as u64) as usize;
        let entries: Entries<'a> = page.entries();
        self.page.extend(entries.take(stop).skip(skip));
        if self.back {
            self.range.end = first + skip as u64;
        } else {
            self.page.reverse();
            self.range.start = first + stop as u64;
        }
        Some(())
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.page.is_empty() {
            self.read_page()?;
        }
        self.page.pop()
    }
}
