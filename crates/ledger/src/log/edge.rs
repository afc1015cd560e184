//! The growing right edge of the tree: of each level of tiles the one that is not full.

use crate::tree::{Frontier, Node};

/// A tile that has just become full, or the part of one that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<u8>,
}

/// Size and unfinished tiles, from the leaves upwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    rows: Vec<Vec<Node>>,
}

impl Edge {
    /// The edge of a tree of `size` leaves whose unfinished tiles hold these hashes.
    pub(crate) fn new(size: u64, rows: Vec<Vec<Node>>) -> Self {
        Self { size, rows }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// One more leaf; the tiles that it fills are added to `full`.
    pub(crate) fn push(&mut self, leaf: Node, full: &mut Vec<Tile>) {
        self.size += 1;
        let mut node = leaf;
        for level in 0_u8.. {
            let row = usize::from(level);
            if row == self.rows.len() {
                self.rows.push(Vec::with_capacity(256));
            }
            let Some(hashes) = self.rows.get_mut(row) else { return };
            hashes.push(node);
            if hashes.len() < 256 {
                return;
            }
            node = root_of(hashes.iter().copied());
            let index = (self.size >> (8 * (u32::from(level) + 1))) - 1;
            full.push(Tile { level, index, hashes: bytes(hashes) });
            hashes.clear();
        }
    }

    /// The unfinished tiles that hold something.
    pub(crate) fn partial(&self) -> impl Iterator<Item = Tile> {
        let parts = (0_u8..).zip(&self.rows).filter(|(_, hashes)| !hashes.is_empty());
        parts.map(|(level, hashes)| Tile {
            level,
            index: self.size >> (8 * (u32::from(level) + 1)),
            hashes: bytes(hashes),
        })
    }

    /// The root. What an unfinished tile holds is hashed as the last, incomplete leaf of the level above it.
    pub(crate) fn root(&self) -> Node {
        let mut below: Option<Node> = None;
        for row in &self.rows {
            below = (!row.is_empty() || below.is_some()).then(|| root_of(row.iter().copied().chain(below)));
        }
        below.unwrap_or_else(Node::empty)
    }
}

fn root_of(nodes: impl Iterator<Item = Node>) -> Node {
    let mut tree = Frontier::default();
    nodes.for_each(|node| tree.push(node));
    tree.root()
}

fn bytes(hashes: &[Node]) -> Vec<u8> {
    hashes.iter().flat_map(|node| *node.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_has_the_root_of_the_whole_tree_and_lets_every_full_tile_go_once() {
        let (mut edge, mut whole, mut full) = (Edge::default(), Frontier::default(), Vec::new());
        for n in 0..66_000_u64 {
            let leaf = Node::leaf(&n.to_be_bytes());
            edge.push(leaf, &mut full);
            whole.push(leaf);
            if n < 600 || n % 977 == 0 || n > 65_500 {
                assert_eq!(edge.root(), whole.root(), "after {n}");
            }
        }
        assert_eq!(edge.root(), whole.root());
        let places: Vec<(u8, u64)> = full.iter().map(|tile| (tile.level, tile.index)).collect();
        let mut expected: Vec<(u8, u64)> = (0..257).map(|index| (0, index)).collect();
        expected.insert(256, (1, 0));
        assert_eq!(places, expected);
        assert!(full.iter().all(|tile| tile.hashes.len() == 8192));
        let widths: Vec<_> = edge.partial().map(|tile| (tile.level, tile.index, tile.hashes.len() / 32)).collect();
        assert_eq!(widths, [(0, 257, 66_000 - 257 * 256), (1, 1, 1), (2, 0, 1)]);
    }
}
