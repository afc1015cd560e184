//! The vectors of RFC 6962's reference code, every proof of small trees, and proofs that must not hold.

use super::*;

/// The eight entries and the roots of their first 1 to 8, as in certificate-transparency's `merkle_tree_test.cc`.
const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(node: &Node) -> String {
    node.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tree in memory, in tiles.
struct Memory(Vec<Node>);

impl Tiles for Memory {
    type Error = OutOfTree;

    fn tile(&self, level: u8, index: u64) -> Result<Vec<u8>, OutOfTree> {
        let mut row = self.0.clone();
        for _ in 0..u32::from(level) * 8 {
            row = row.chunks_exact(2).map(|pair| Node::join(&pair[0], &pair[1])).collect();
        }
        let from = usize::try_from(index * FULL_TILE).unwrap();
        Ok(row.iter().skip(from).take(256).flat_map(|node| *node.as_bytes()).collect())
    }
}

fn leaves(count: u64) -> Vec<Node> {
    (0..count).map(|n| Node::leaf(&n.to_be_bytes())).collect()
}

fn root_of(leaves: &[Node]) -> Node {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

#[test]
fn roots_are_those_of_the_reference_code() {
    assert_eq!(hex(&Node::empty()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(Frontier::default().root(), Node::empty());
    let leaves: Vec<Node> = ENTRIES.iter().map(|entry| Node::leaf(entry)).collect();
    for (count, expected) in (1..).zip(ROOTS) {
        assert_eq!(hex(&root_of(&leaves[..count])), expected, "{count} entries");
    }
}

#[test]
fn proofs_are_those_of_the_reference_code() {
    let memory = Memory(ENTRIES.iter().map(|entry| Node::leaf(entry)).collect());
    let nodes = TileNodes::new(&memory);
    let path = |index, size| inclusion(&nodes, index, size).unwrap().iter().map(hex).collect::<Vec<_>>();
    assert_eq!(
        path(5, 8),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(path(2, 3), ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
    let proof = |first, second| consistency(&nodes, first, second).unwrap().iter().map(hex).collect::<Vec<_>>();
    assert_eq!(
        proof(6, 8),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_proof_of_small_trees_holds_and_no_neighbour_of_it_does() {
    let all = leaves(70);
    let memory = Memory(all.clone());
    let nodes = TileNodes::new(&memory);
    for size in 1..=70_u64 {
        let whole = root_of(&all[..usize::try_from(size).unwrap()]);
        assert_eq!(root(&nodes, size).unwrap(), whole);
        for index in 0..size {
            let leaf = all[usize::try_from(index).unwrap()];
            let proof = inclusion(&nodes, index, size).unwrap();
            assert_eq!(verify_inclusion(leaf, index, size, &proof, &whole), Ok(()), "{index} of {size}");
            let mut longer = proof.clone();
            longer.push(leaf);
            assert!(verify_inclusion(leaf, index, size, &longer, &whole).is_err());
            assert!(verify_inclusion(Node::empty(), index, size, &proof, &whole).is_err());
            assert!(verify_inclusion(leaf, index, size, &proof, &Node::empty()).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verify_inclusion(leaf, index, size, shorter, &whole).is_err());
                assert!(verify_inclusion(leaf, index ^ 1, size, &proof, &whole).is_err());
            }
        }
        for first in 1..=size {
            let smaller = root_of(&all[..usize::try_from(first).unwrap()]);
            let proof = consistency(&nodes, first, size).unwrap();
            assert_eq!(verify_consistency(first, &smaller, size, &whole, &proof), Ok(()), "{first} of {size}");
            assert!(verify_consistency(first, &Node::empty(), size, &whole, &proof).is_err());
            if first < size {
                assert!(verify_consistency(first, &smaller, size, &smaller, &proof).is_err());
                assert!(verify_consistency(first, &smaller, size, &whole, &proof[1..]).is_err());
            }
        }
    }
    assert!(inclusion(&nodes, 7, 7).is_err());
    assert!(consistency(&nodes, 0, 7).is_err());
    assert!(consistency(&nodes, 8, 7).is_err());
    assert_eq!(verify_consistency(0, &Node::empty(), 7, &root_of(&all[..7]), &[]), Ok(()));
    assert_eq!(verify_consistency(8, &Node::empty(), 7, &Node::empty(), &[]), Err(ProofError::OutOfTree));
}

#[test]
fn proofs_reach_across_tiles() {
    let all = leaves(70_000);
    let memory = Memory(all.clone());
    let nodes = TileNodes::new(&memory);
    for size in [255, 256, 257, 65_535, 65_536, 65_537, 70_000] {
        let whole = root_of(&all[..size]);
        let size = size as u64;
        assert_eq!(root(&nodes, size).unwrap(), whole);
        for index in [0, 1, 128, 254, 255, 256, 65_535, 65_536, 69_999].into_iter().filter(|index| *index < size) {
            let proof = inclusion(&nodes, index, size).unwrap();
            assert!(proof.len() <= 17);
            let leaf = all[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(leaf, index, size, &proof, &whole), Ok(()), "{index} of {size}");
        }
        for first in [1, 200, 256, 300, 65_536].into_iter().filter(|first| *first <= size) {
            let smaller = root_of(&all[..usize::try_from(first).unwrap()]);
            let proof = consistency(&nodes, first, size).unwrap();
            assert_eq!(verify_consistency(first, &smaller, size, &whole, &proof), Ok(()), "{first} of {size}");
        }
    }
}

#[test]
fn a_tile_has_one_path() {
    let path = |level, index, width| TilePath { level, index, width };
    for (text, expected) in [
        ("0/000", path(Some(0), 0, 256)),
        ("1/x001/x234/067", path(Some(1), 1_234_067, 256)),
        ("63/999.p/255", path(Some(63), 999, 255)),
        ("entries/x001/000.p/1", path(None, 1000, 1)),
    ] {
        assert_eq!(TilePath::parse(text), Some(expected), "{text}");
        assert_eq!(tile_path(&expected), text);
    }
    for text in [
        "",
        "0",
        "0/",
        "0/0",
        "00/000",
        "64/000",
        "-1/000",
        "+1/000",
        "0/x000/001",
        "0/001/002",
        "0/x001",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "0/+00",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
        "data/000",
        "../000",
    ] {
        assert_eq!(TilePath::parse(text), None, "{text}");
    }
    assert_eq!((partial_width(70_000, 0), partial_width(70_000, 1), partial_width(70_000, 2)), (112, 17, 1));
    assert_eq!((partial_width(256, 0), partial_width(256, 1), partial_width(256, 8)), (0, 1, 0));
}
