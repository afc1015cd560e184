//! Checking proofs, as RFC 9162 writes it down (sections 2.1.3.2 and 2.1.4.2).

use super::node::Node;

/// A proof does not show what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry would lie outside the tree, or the smaller tree is larger.
    #[error("the proof is about what lies outside the tree")]
    OutOfTree,
    /// Too few or too many hashes.
    #[error("the proof has a wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof's hashes do not lead to the root")]
    Root,
}

/// Whether `leaf` is the entry with this index in the tree of this size and root.
pub fn verify_inclusion(leaf: Node, index: u64, size: u64, proof: &[Node], root: &Node) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfTree);
    }
    let (mut first, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if first & 1 == 1 || first == last {
            hash = Node::join(sibling, &hash);
            while first & 1 == 0 && first != 0 {
                first >>= 1;
                last >>= 1;
            }
        } else {
            hash = Node::join(&hash, sibling);
        }
        first >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Whether the tree of `second` leaves begins with the tree of `first` leaves.
pub fn verify_consistency(
    first: u64,
    first_root: &Node,
    second: u64,
    second_root: &Node,
    proof: &[Node],
) -> Result<(), ProofError> {
    if first > second {
        return Err(ProofError::OutOfTree);
    }
    if first == second || first == 0 {
        // Of nothing, and of itself, every tree is a continuation without proof.
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let expected = if first == 0 { Node::empty() } else { *second_root };
        return if *first_root == expected { Ok(()) } else { Err(ProofError::Root) };
    }
    let mut hashes = proof.iter();
    let start = if first.is_power_of_two() { Some(first_root) } else { hashes.next() };
    let start = *start.ok_or(ProofError::Length)?;
    let shift = (first - 1).trailing_ones();
    let (mut node, mut last) = ((first - 1) >> shift, (second - 1) >> shift);
    let (mut old, mut new) = (start, start);
    for hash in hashes {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old = Node::join(hash, &old);
            new = Node::join(hash, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = Node::join(&new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old == *first_root && new == *second_root { Ok(()) } else { Err(ProofError::Root) }
}
