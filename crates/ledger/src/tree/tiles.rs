//! The tree cut into tiles of 256 hashes, as C2SP tlog-tiles names and serves them.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use super::{
    node::Node,
    proofs::{Nodes, OutOfTree},
};

/// Hashes in a full tile.
pub const FULL_TILE: u64 = 256;

/// How wide the last tile of a level is in a tree of `size` leaves; 0 where the level ends in a full tile.
pub fn partial_width(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0) % FULL_TILE
}

/// Where a tile is served: `<L>/<N>[.p/<W>]`, or `entries/<N>[.p/<W>]` for the entries below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// The tile's level; `None` for entries.
    pub level: Option<u8>,
    /// Its index in the level.
    pub index: u64,
    /// How many hashes or entries; 256 for a full one.
    pub width: u64,
}

impl TilePath {
    /// Reads a path as tlog-tiles writes it, and only as it writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let level = match level {
            "entries" => None,
            digits => Some(u8::try_from(plain(digits)?).ok().filter(|level| *level <= 63)?),
        };
        let (rest, width) = match rest.split_once(".p/") {
            Some((rest, width)) => (rest, plain(width).filter(|width| (1..FULL_TILE).contains(width))?),
            None => (rest, FULL_TILE),
        };
        let mut index: u64 = 0;
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            let digits = if parts.peek().is_some() { part.strip_prefix('x')? } else { part };
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let path = Self { level, index, width };
        // A form with more leading zeros than needed names the same tile twice.
        (tile_path(&path) == text).then_some(path)
    }
}

/// The path of a tile.
pub fn tile_path(path: &TilePath) -> String {
    let mut digits = format!("{:03}", path.index % 1000);
    let mut rest = path.index / 1000;
    while rest > 0 {
        digits = format!("x{:03}/{digits}", rest % 1000);
        rest /= 1000;
    }
    let level = path.level.map_or_else(|| "entries".to_owned(), |level| level.to_string());
    let width = if path.width == FULL_TILE { String::new() } else { format!(".p/{}", path.width) };
    format!("{level}/{digits}{width}")
}

fn plain(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// Where tiles are kept.
pub trait Tiles {
    /// Why one can't be read.
    type Error: From<OutOfTree>;

    /// All hashes that are there of a tile, 32 bytes each.
    fn tile(&self, level: u8, index: u64) -> Result<Vec<u8>, Self::Error>;
}

/// The nodes of a tree whose tiles are kept; each tile is read once.
pub struct TileNodes<'a, T> {
    tiles: &'a T,
    read: RefCell<ReadTiles>,
}

/// Hashes by level and index.
type ReadTiles = HashMap<(u8, u64), Rc<[u8]>>;

impl<'a, T: Tiles> TileNodes<'a, T> {
    /// For a handful of proofs over the same tree.
    pub fn new(tiles: &'a T) -> Self {
        Self { tiles, read: RefCell::default() }
    }

    fn tile(&self, level: u8, index: u64) -> Result<Rc<[u8]>, T::Error> {
        if let Some(tile) = self.read.borrow().get(&(level, index)) {
            return Ok(tile.clone());
        }
        let tile: Rc<[u8]> = self.tiles.tile(level, index)?.into();
        self.read.borrow_mut().insert((level, index), tile.clone());
        Ok(tile)
    }
}

impl<T: Tiles> Nodes for TileNodes<'_, T> {
    type Error = T::Error;

    fn node(&self, level: u32, index: u64) -> Result<Node, T::Error> {
        let inside = level % 8;
        let out = || OutOfTree { what: index, size: 0 };
        let tile = self.tile(u8::try_from(level / 8).map_err(|_| out())?, index >> (8 - inside))?;
        let from = usize::try_from((index % (FULL_TILE >> inside)) << inside).map_err(|_| out())? * 32;
        let hashes = tile.get(from..from + (32 << inside)).ok_or_else(out)?;
        let mut row: Vec<Node> = hashes.chunks_exact(32).filter_map(Node::from_slice).collect();
        while row.len() > 1 {
            row = row.chunks_exact(2).map(|pair| Node::join(&pair[0], &pair[1])).collect();
        }
        row.first().copied().ok_or_else(|| out().into())
    }
}
