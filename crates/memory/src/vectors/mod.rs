//! The vector leg: every vector as 384 or so small integers in memory, scanned whole, and the nearest ones measured again with
//! what rounding lost.

mod cache;
mod scan;

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

pub(crate) use self::cache::{Cache, TextHash, text_hash};
use self::scan::Quantised;

/// The vectors of all rows that can be recalled.
#[derive(Debug, Default)]
pub struct Vectors(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    dimensions: usize,
    rows: Vec<u64>,
    places: HashMap<u64, usize>,
    scales: Vec<f32>,
    numbers: Vec<i8>,
    fine: Vec<i8>,
}

/// So many more are scanned for than are wanted: rounding may have put a better one behind.
const MARGIN: usize = 24;

impl Vectors {
    /// Adds a row's vector, or replaces it. Vectors of another length than the first one's are not taken.
    pub fn add(&self, row: u64, vector: &[f32]) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.rows.is_empty() {
            table.dimensions = vector.len();
        }
        if vector.len() != table.dimensions || vector.is_empty() {
            return;
        }
        table.remove(row);
        let Quantised { numbers, fine, scale } = Quantised::of(vector);
        let place = table.rows.len();
        table.places.insert(row, place);
        table.rows.push(row);
        table.scales.push(scale);
        table.numbers.extend(numbers);
        table.fine.extend(fine);
    }

    /// Removes a row's vector.
    pub fn remove(&self, row: u64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(row);
    }

    /// Forgets all.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Table::default();
    }

    /// How many rows have a vector.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).rows.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a row has one.
    pub fn has(&self, row: u64) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).places.contains_key(&row)
    }

    /// The rows nearest to a vector, nearest first, with their cosines.
    pub fn nearest(
        &self,
        vector: &[f32],
        most: usize,
        passes: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Vec<(u64, f32)> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if table.dimensions == 0 || vector.len() != table.dimensions || most == 0 {
            return Vec::new();
        }
        let query = Quantised::of(vector);
        let rows = &table.rows;
        let place_passes = passes.map(|passes| move |place: usize| passes(table_row(rows, place)));
        let found = scan::nearest(
            &query,
            &table.numbers,
            &table.scales,
            most + MARGIN,
            place_passes.as_ref().map(|passes| passes as &(dyn Fn(usize) -> bool + Sync)),
        );
        let mut found: Vec<(u64, f32)> =
            found.into_iter().map(|(place, _)| (table.rows[place], table.cosine(vector, place))).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(most);
        found
    }

    /// The cosines of single rows; `None` for those without a vector.
    pub(crate) fn cosines(&self, vector: &[f32], rows: &[u64]) -> Vec<Option<f32>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fits = vector.len() == table.dimensions;
        rows.iter()
            .map(|row| table.places.get(row).filter(|_| fits).map(|place| table.cosine(vector, *place)))
            .collect()
    }

    /// The vectors of rows, as far as they have one.
    pub(crate) fn of(&self, rows: &[u64]) -> Vec<Option<Vec<f32>>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        rows.iter().map(|row| table.places.get(row).map(|place| table.vector(*place).collect())).collect()
    }
}

fn table_row(rows: &[u64], place: usize) -> u64 {
    rows.get(place).copied().unwrap_or_default()
}

impl Table {
    fn vector(&self, place: usize) -> impl Iterator<Item = f32> + '_ {
        let range = place * self.dimensions..(place + 1) * self.dimensions;
        scan::exact(&self.numbers[range.clone()], &self.fine[range], self.scales[place])
    }

    fn cosine(&self, vector: &[f32], place: usize) -> f32 {
        self.vector(place).zip(vector).map(|(a, b)| a * b).sum()
    }

    fn remove(&mut self, row: u64) {
        let Some(place) = self.places.remove(&row) else { return };
        let size = self.dimensions;
        let last = self.rows.len() - 1;
        self.rows.swap_remove(place);
        self.scales.swap_remove(place);
        for numbers in [&mut self.numbers, &mut self.fine] {
            numbers.copy_within(last * size.., place * size);
            numbers.truncate(last * size);
        }
        if let Some(moved) = self.rows.get(place) {
            self.places.insert(*moved, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(seed: u64, dimensions: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut vector: Vec<f32> = (0..dimensions)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect();
        crate::embed::normalise(&mut vector);
        vector
    }

    #[test]
    fn the_nearest_are_found_after_every_removal() {
        let vectors = Vectors::default();
        let count = 300;
        for row in 0..count {
            vectors.add(row, &vector(row, 48));
        }
        for row in (0..count).step_by(3) {
            vectors.remove(row);
        }
        vectors.add(1, &vector(1000, 48));
        assert_eq!(vectors.len(), 200);
        for row in 0..count {
            let found = vectors.nearest(&vector(row, 48), 1, None);
            assert_eq!(found[0].0 == row, row % 3 != 0 && row != 1, "{row}");
        }
        assert_eq!(vectors.nearest(&vector(1000, 48), 1, None)[0].0, 1);
        let even = vectors.nearest(&vector(7, 48), 500, Some(&|row| row % 2 == 0));
        assert_eq!(even.len(), 100);
        assert!(even.iter().all(|(row, _)| row % 2 == 0) && even.is_sorted_by(|a, b| a.1 >= b.1));
        assert!(vectors.nearest(&vector(7, 47), 5, None).is_empty());
    }

    #[test]
    fn a_cosine_is_near_the_exact_one() {
        let vectors = Vectors::default();
        for row in 0..50 {
            vectors.add(row, &vector(row, 384));
        }
        let query = vector(99, 384);
        for (row, cosine) in vectors.nearest(&query, 50, None) {
            let exact = crate::embed::dot(&query, &vector(row, 384));
            assert!((cosine - exact).abs() < 0.0001, "{row}: {cosine} {exact}");
            assert_eq!(vectors.cosines(&query, &[row, 1000]), [Some(cosine), None]);
        }
    }
}
