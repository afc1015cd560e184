//! Brace expansion: `{a,b}` and `{1..5}`.

use super::scan::Piece;

/// A word becomes so many at most; one that would become more is left to the caller as it is, with an unknown end.
const MOST: usize = 32;

/// So many groups are expanded one after the other.
const MOST_GROUPS: usize = 64;

/// What a word becomes where braces are expanded; nothing where there are none.
pub(super) fn expand(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut words = vec![pieces.to_vec()];
    let mut groups = 0;
    loop {
        let mut next = Vec::new();
        let mut changed = false;
        for word in &words {
            match once(word) {
                Some(alternatives) => {
                    changed = true;
                    next.extend(alternatives);
                }
                None => next.push(word.clone()),
            }
        }
        if !changed {
            break;
        }
        groups += 1;
        words = next;
        if words.len() > MOST || groups > MOST_GROUPS {
            return vec![vec![Piece::Parameter(
                super::scan::Parameter { name: "@".into(), change: super::scan::Change::Other { word: vec![] } },
                false,
            )]];
        }
    }
    if groups > 0 { words } else { vec![] }
}

/// Whether a word may be changed by brace expansion.
pub(super) fn has_braces(pieces: &[Piece]) -> bool {
    once(pieces).is_some()
}

/// A place in a word: which piece, and where in it.
type Place = (usize, usize);

/// Expands the first group that there is.
fn once(pieces: &[Piece]) -> Option<Vec<Vec<Piece>>> {
    let mut open: Vec<(Place, Vec<Place>)> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let Piece::Bare(text) = piece else { continue };
        for (at, c) in text.char_indices() {
            match c {
                '{' => open.push(((index, at), vec![])),
                ',' => {
                    if let Some((_, commas)) = open.last_mut() {
                        commas.push((index, at));
                    }
                }
                '}' => {
                    let Some((from, commas)) = open.pop() else { continue };
                    let to = (index, at);
                    if let Some(alternatives) = group(pieces, from, &commas, to) {
                        return Some(alternatives);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn group(pieces: &[Piece], from: Place, commas: &[Place], to: Place) -> Option<Vec<Vec<Piece>>> {
    let before = cut(pieces, (0, 0), from);
    let after = cut(pieces, (to.0, to.1 + 1), (pieces.len(), 0));
    let around = |middle: Vec<Piece>| [before.clone(), middle, after.clone()].concat();
    if commas.is_empty() {
        let inside = cut(pieces, (from.0, from.1 + 1), to);
        let [Piece::Bare(text)] = inside.as_slice() else { return None };
        return is_sequence(text).then(|| vec![around(vec![Piece::Arithmetic(vec![])])]);
    }
    let mut starts = vec![(from.0, from.1 + 1)];
    starts.extend(commas.iter().map(|comma| (comma.0, comma.1 + 1)));
    let mut ends = commas.to_vec();
    ends.push(to);
    Some(starts.into_iter().zip(ends).map(|(start, end)| around(cut(pieces, start, end))).collect())
}

/// `1..5`, `a..f`: one number stands for all of them.
fn is_sequence(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.len() < 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    let letter = |part: &str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    (2..=3).contains(&text.split("..").count()) && text.split("..").all(|part| number(part) || letter(part))
}

fn cut(pieces: &[Piece], from: Place, to: Place) -> Vec<Piece> {
    let mut out = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if index < from.0 || index > to.0 || (index == to.0 && to.1 == 0) {
            continue;
        }
        match piece {
            Piece::Bare(text) => {
                let start = if index == from.0 { from.1 } else { 0 };
                let end = if index == to.0 { to.1 } else { text.len() };
                if let Some(part) = text.get(start..end).filter(|part| !part.is_empty()) {
                    out.push(Piece::Bare(part.to_owned()));
                }
            }
            piece if index < to.0 => out.push(piece.clone()),
            _ => {}
        }
    }
    out
}
