//! The scan: products of small integers, the best kept.

use std::{cmp::Ordering, collections::BinaryHeap, num::NonZero, thread};

/// Fewer vectors than this are scanned before a second thread has started.
const WORTH_A_THREAD: usize = 16_384;
const MOST_THREADS: usize = 4;

/// A vector as small integers and what each of them stands for.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    pub(super) numbers: Vec<i8>,
    /// What rounding to the numbers lost, in parts of `1 / FINE`.
    pub(super) fine: Vec<i8>,
    pub(super) scale: f32,
}

/// How much smaller the parts of `fine` are: half a number is 127 of them.
const FINE: f32 = 254.0;

impl Quantised {
    pub(super) fn of(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let scale = if largest > 0.0 && largest.is_finite() { largest / 127.0 } else { 1.0 };
        let round = |number: &f32| (number / scale).round();
        let fine = |number: &f32| ((number / scale - round(number)) * FINE).round() as i8;
        Self {
            numbers: vector.iter().map(|number| round(number) as i8).collect(),
            fine: vector.iter().map(fine).collect(),
            scale,
        }
    }
}

/// The vector that was quantised, to 16 bits.
pub(super) fn exact<'a>(numbers: &'a [i8], fine: &'a [i8], scale: f32) -> impl Iterator<Item = f32> + 'a {
    numbers.iter().zip(fine).map(move |(number, fine)| (f32::from(*number) + f32::from(*fine) / FINE) * scale)
}

#[inline(always)]
fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum()
}

/// A place and how near it is; the greatest is the one to drop first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    cosine: f32,
    place: usize,
}

impl Eq for Found {}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cosine.total_cmp(&self.cosine).then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

type Passes<'a> = Option<&'a (dyn Fn(usize) -> bool + Sync)>;

/// The nearest of all, nearest first.
pub(super) fn nearest(
    query: &Quantised,
    numbers: &[i8],
    scales: &[f32],
    most: usize,
    passes: Passes<'_>,
) -> Vec<(usize, f32)> {
    let size = query.numbers.len();
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let threads = (scales.len() / WORTH_A_THREAD).clamp(1, cores);
    let share = scales.len().div_ceil(threads).max(1);
    let mut found: Vec<Found> = thread::scope(|scope| {
        let mut parts = numbers.chunks(share * size).zip(scales.chunks(share)).enumerate();
        let first = parts.next();
        let others: Vec<_> = parts
            .map(|(part, (numbers, scales))| {
                scope.spawn(move || scan(query, numbers, scales, part * share, most, passes))
            })
            .collect();
        // This thread takes its share too.
        let mut found =
            first.map(|(_, (numbers, scales))| scan(query, numbers, scales, 0, most, passes)).unwrap_or_default();
        for other in others {
            found.extend(other.join().unwrap_or_default());
        }
        found
    });
    found.sort_unstable();
    found.truncate(most);
    found.into_iter().map(|found| (found.place, found.cosine)).collect()
}

fn scan(
    query: &Quantised,
    numbers: &[i8],
    scales: &[f32],
    first: usize,
    most: usize,
    passes: Passes<'_>,
) -> Vec<Found> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the compiler can't see that the processor was asked")]
        // SAFETY: the function needs nothing but AVX2, and the processor has just said that it has it.
        return unsafe { scan_avx2(query, numbers, scales, first, most, passes) };
    }
    scan_any(query, numbers, scales, first, most, passes)
}

/// The same, compiled for wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scan_avx2(
    query: &Quantised,
    numbers: &[i8],
    scales: &[f32],
    first: usize,
    most: usize,
    passes: Passes<'_>,
) -> Vec<Found> {
    scan_any(query, numbers, scales, first, most, passes)
}

#[inline(always)]
fn scan_any(
    query: &Quantised,
    numbers: &[i8],
    scales: &[f32],
    first: usize,
    most: usize,
    passes: Passes<'_>,
) -> Vec<Found> {
    let mut best: BinaryHeap<Found> = BinaryHeap::with_capacity(most.min(scales.len()) + 1);
    let mut least = f32::NEG_INFINITY;
    for (place, (numbers, scale)) in numbers.chunks_exact(query.numbers.len()).zip(scales).enumerate() {
        let cosine = dot(&query.numbers, numbers) as f32 * query.scale * scale;
        if cosine <= least || passes.is_some_and(|passes| !passes(first + place)) {
            continue;
        }
        best.push(Found { cosine, place: first + place });
        if best.len() > most {
            best.pop();
            least = best.peek().map_or(least, |found| found.cosine);
        }
    }
    best.into_vec()
}
