//! The Merkle tree of RFC 6962 (SHA-256): hashing, growing, proving and checking. Knows no files and no events.

mod node;
mod proofs;
mod tiles;
mod verify;

pub(crate) use self::node::join_right_to_left;
pub use self::{
    node::{Frontier, Node},
    proofs::{Nodes, OutOfTree, consistency, inclusion, root},
    tiles::{FULL_TILE, TileNodes, TilePath, Tiles, partial_width, tile_path},
    verify::{ProofError, verify_consistency, verify_inclusion},
};

#[cfg(test)]
mod tests;
