//! Roots, inclusion proofs and consistency proofs from the hashes of complete subtrees (RFC 6962, sections 2.1.1 and
//! 2.1.2). Each needs a number of subtrees that grows with the logarithm of the tree's size.

use super::node::{Node, join_right_to_left};

/// Where the hashes of complete subtrees are kept.
pub trait Nodes {
    /// Why one can't be read.
    type Error: From<OutOfTree>;

    /// The hash over the leaves `index << level` to `(index + 1) << level`, which are all there.
    fn node(&self, level: u32, index: u64) -> Result<Node, Self::Error>;
}

/// A proof was asked for that no tree of this size has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {size} entries has no proof of {what}")]
pub struct OutOfTree {
    /// The entry's index or the smaller tree's size.
    pub what: u64,
    /// The tree's size.
    pub size: u64,
}

/// The root of the tree's first `size` leaves.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Node, N::Error> {
    range(nodes, 0, size)
}

/// The hashes that lead from leaf `index` to the root of the first `size` leaves, from the leaf upwards.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Node>, N::Error> {
    if index >= size {
        return Err(OutOfTree { what: index, size }.into());
    }
    let (mut start, mut end) = (0, size);
    let mut siblings = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((start, middle));
            start = middle;
        }
    }
    siblings.into_iter().rev().map(|(start, end)| range(nodes, start, end)).collect()
}

/// The hashes that show that the tree of `second` leaves begins with the tree of `first` leaves.
pub fn consistency<N: Nodes>(nodes: &N, first: u64, second: u64) -> Result<Vec<Node>, N::Error> {
    if first == 0 || first > second {
        return Err(OutOfTree { what: first, size: second }.into());
    }
    let (mut start, mut end) = (0, second);
    let mut parts = Vec::new();
    while first != end {
        let middle = start + split(end - start);
        if first <= middle {
            parts.push((middle, end));
            end = middle;
        } else {
            parts.push((start, middle));
            start = middle;
        }
    }
    // Where the smaller tree is a subtree from the first leaf on, its root is known to whoever checks.
    if start > 0 {
        parts.push((start, end));
    }
    parts.into_iter().rev().map(|(start, end)| range(nodes, start, end)).collect()
}

/// The largest power of two below `size`, which is 2 at least.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The hash over the leaves from `start` to `end`; `start` is a multiple of the next power of two.
fn range<N: Nodes>(nodes: &N, start: u64, end: u64) -> Result<Node, N::Error> {
    let mut complete = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        complete.push(nodes.node(level, at >> level)?);
        at += 1 << level;
    }
    Ok(join_right_to_left(complete.into_iter()))
}
