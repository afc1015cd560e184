//! What says nearly the same is about as right: each of the first texts takes on some of its neighbours' scores, so that one
//! which is far from all others of its score falls, and one in their middle rises (score regularisation, after Diaz 2005).

use crate::{fusion::Scored, indexes::Indexes};

/// How many of the first texts share.
const SHARING: usize = 100;
/// Of how many of the first.
const SHARED: usize = 30;
/// How quickly a neighbour counts less with its distance.
const NEARNESS: f32 = 16.0;
/// How many sums a product is computed in, so that they are computed at once.
const LANES: usize = 16;

/// Lets the best share scores with those near them; `weight` is what the neighbours' count.
pub(crate) fn share(indexes: &Indexes, scored: &mut [Scored], weight: f64) {
    if weight <= 0.0 {
        return;
    }
    let mut first: Vec<usize> = (0..scored.len()).collect();
    first.sort_by(|a, b| scored[*b].score.total_cmp(&scored[*a].score).then(scored[*b].row.cmp(&scored[*a].row)));
    first.truncate(SHARING);
    let rows: Vec<u64> = first.iter().map(|at| scored[*at].row).collect();
    let vectors = indexes.vectors.of(&rows);
    let scores: Vec<f64> = first.iter().map(|at| scored[*at].score).collect();
    for (at, of_others) in first.into_iter().zip(of_others(&vectors, &scores)) {
        if let Some(of_others) = of_others {
            scored[at].neighbours_part = weight * (of_others - scored[at].score);
            scored[at].score += scored[at].neighbours_part;
        }
    }
}

/// For each text the mean of the first others' scores, each by its nearness. `None` for a text without a vector or others.
fn of_others(vectors: &[Option<Vec<f32>>], scores: &[f64]) -> Vec<Option<f64>> {
    let of_one = |(place, vector): (usize, &Option<Vec<f32>>)| {
        let vector = vector.as_ref()?;
        let (mut sum, mut weights) = (0.0, 0.0);
        let others = vectors.iter().zip(scores).take(SHARED).enumerate().filter(|(other, _)| *other != place);
        for (_, (other, score)) in others {
            let Some(other) = other else { continue };
            let weight = f64::from((NEARNESS * (product(vector, other) - 1.0)).exp());
            sum += weight * score;
            weights += weight;
        }
        (weights > 0.0).then(|| sum / weights)
    };
    vectors.iter().enumerate().map(of_one).collect()
}

/// The product of two vectors of one length.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_that_of_all_numbers() {
        for length in [0, 1, 15, 16, 17, 384, 400] {
            let a: Vec<f32> = (0..length).map(|number| number as f32).collect();
            let b = vec![2.0; length];
            assert_eq!(product(&a, &b), a.iter().sum::<f32>() * 2.0, "{length}");
        }
    }

    #[test]
    fn a_text_is_scored_by_those_near_it() {
        let (east, north) = (Some(vec![1.0, 0.0]), Some(vec![0.0, 1.0]));
        for (vectors, scores, expected) in [
            (vec![], vec![], vec![]),
            (vec![east.clone()], vec![0.9], vec![None]),
            (vec![east.clone(), None], vec![0.9, 0.5], vec![None, None]),
            (vec![east.clone(), east.clone()], vec![0.9, 0.5], vec![Some(0.5), Some(0.9)]),
            // The third is near nobody: it takes on the mean of the others, who take on one another's.
            (vec![east.clone(), east, north], vec![0.9, 0.5, 0.4], vec![Some(0.5), Some(0.9), Some(0.7)]),
        ] {
            let found = of_others(&vectors, &scores);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.is_some(), expected.is_some(), "{scores:?}");
                let distance = found.unwrap_or_default() - expected.unwrap_or_default();
                assert!(distance.abs() < 1e-4, "{scores:?}: {found:?} {expected:?}");
            }
        }
    }
}
