//! One hash of the tree, and the fewest hashes from which a tree can grow.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// A node's SHA-256 hash (RFC 6962, section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node([u8; 32]);

impl Node {
    /// The root of the tree without leaves: the hash of nothing.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// `SHA-256(0x00 || entry)`.
    pub fn leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// `SHA-256(0x01 || left || right)`.
    pub fn join(left: &Self, right: &Self) -> Self {
        let mut bytes = [1; 65];
        bytes[1..33].copy_from_slice(&left.0);
        bytes[33..].copy_from_slice(&right.0);
        Self(Sha256::digest(bytes).into())
    }

    /// The hash's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The node with this hash; `None` where it has not 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash as notes and proofs carry it: standard Base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The node of a hash in standard Base64, in its one form.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_slice(&STANDARD.decode(text).ok()?)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

/// The complete subtrees of a tree, from the largest: one for each bit that is set in its size. It is all that is
/// needed to append and to say the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Node>,
}

impl Frontier {
    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// One more leaf, or one more complete subtree where every leaf of this tree stands for a subtree of that size.
    pub fn push(&mut self, leaf: Node) {
        let (mut node, mut left) = (leaf, self.size);
        while left & 1 == 1 {
            if let Some(sibling) = self.nodes.pop() {
                node = Node::join(&sibling, &node);
            }
            left >>= 1;
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The tree's root.
    pub fn root(&self) -> Node {
        join_right_to_left(self.nodes.iter().copied())
    }

    /// The complete subtrees' hashes, from the largest.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// The root over complete subtrees that shrink from left to right.
pub(crate) fn join_right_to_left(nodes: impl DoubleEndedIterator<Item = Node>) -> Node {
    nodes.rev().reduce(|right, left| Node::join(&left, &right)).unwrap_or_else(Node::empty)
}
