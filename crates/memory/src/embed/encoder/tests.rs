//! The encoder beside its formula, a number at a time.

use super::*;

const SHAPE: Shape = Shape { words: 16, positions: 40, dimensions: 24, heads: 3, wide: 40, layers: 2, eps: 1e-12 };

/// Every tensor of a model of this shape, with made-up numbers.
fn weights(shape: &Shape) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let (size, wide) = (shape.dimensions, shape.wide);
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![shape.words, size]),
        ("embeddings.position_embeddings.weight".into(), vec![shape.positions, size]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, size]),
        ("embeddings.LayerNorm.weight".into(), vec![size]),
        ("embeddings.LayerNorm.bias".into(), vec![size]),
    ];
    for layer in 0..shape.layers {
        let linears = [
            ("attention.self.query", size, size),
            ("attention.self.key", size, size),
            ("attention.self.value", size, size),
            ("attention.output.dense", size, size),
            ("intermediate.dense", size, wide),
            ("output.dense", wide, size),
        ];
        for (name, from, to) in linears {
            shapes.push((format!("encoder.layer.{layer}.{name}.weight"), vec![to, from]));
            shapes.push((format!("encoder.layer.{layer}.{name}.bias"), vec![to]));
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            shapes.push((format!("encoder.layer.{layer}.{name}.weight"), vec![size]));
            shapes.push((format!("encoder.layer.{layer}.{name}.bias"), vec![size]));
        }
    }
    let mut state = 0x9e37_79b9_u32;
    let mut number = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (f64::from(state) / f64::from(u32::MAX) - 0.5) as f32
    };
    shapes
        .into_iter()
        .map(|(name, shape)| {
            let numbers = (0..shape.iter().product()).map(|_| number()).collect();
            (name, shape, numbers)
        })
        .collect()
}

fn file(weights: &[(String, Vec<usize>, Vec<f32>)], prefix: &str) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> =
        weights.iter().map(|(.., numbers)| numbers.iter().flat_map(|number| number.to_le_bytes()).collect()).collect();
    let views = weights.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (
            format!("{prefix}{name}"),
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    safetensors::serialize(views, None).unwrap()
}

/// The formula as the paper has it, a number at a time in f64.
struct Plain<'a>(&'a [(String, Vec<usize>, Vec<f32>)]);

impl Plain<'_> {
    fn of(&self, name: &str) -> Vec<f64> {
        let found = self.0.iter().find(|(own, ..)| own == name).unwrap();
        found.2.iter().map(|number| f64::from(*number)).collect()
    }

    fn linear(&self, name: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (weight, bias) = (self.of(&format!("{name}.weight")), self.of(&format!("{name}.bias")));
        let one = |row: &Vec<f64>| {
            let from = row.len();
            let each = weight.chunks(from).zip(&bias);
            each.map(|(weight, bias)| bias + weight.iter().zip(row).map(|(a, b)| a * b).sum::<f64>()).collect()
        };
        rows.iter().map(one).collect()
    }

    fn norm(&self, name: &str, rows: &mut [Vec<f64>]) {
        let (scale, bias) = (self.of(&format!("{name}.weight")), self.of(&format!("{name}.bias")));
        for row in rows {
            let size = row.len() as f64;
            let mean = row.iter().sum::<f64>() / size;
            let variance = row.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / size;
            for ((number, scale), bias) in row.iter_mut().zip(&scale).zip(&bias) {
                *number = (*number - mean) / (variance + 1e-12).sqrt() * scale + bias;
            }
        }
    }

    fn encode(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        let size = SHAPE.dimensions;
        let words = self.of("embeddings.word_embeddings.weight");
        let (places, kind) =
            (self.of("embeddings.position_embeddings.weight"), self.of("embeddings.token_type_embeddings.weight"));
        let word = |(place, token): (usize, &u32)| {
            (0..size).map(|at| words[*token as usize * size + at] + places[place * size + at] + kind[at]).collect()
        };
        let mut state: Vec<Vec<f64>> = tokens.iter().enumerate().map(word).collect();
        self.norm("embeddings.LayerNorm", &mut state);
        for layer in 0..SHAPE.layers {
            let at = |name: &str| format!("encoder.layer.{layer}.{name}");
            let [query, key, value] =
                ["query", "key", "value"].map(|name| self.linear(&at(&format!("attention.self.{name}")), &state));
            let mut mixed = vec![vec![0.0; size]; tokens.len()];
            let each = size / SHAPE.heads;
            for (head, row) in (0..SHAPE.heads).flat_map(|head| (0..tokens.len()).map(move |row| (head, row))) {
                let own = head * each..(head + 1) * each;
                let product = |other: &Vec<f64>| own.clone().map(|at| query[row][at] * other[at]).sum::<f64>();
                let weights: Vec<f64> = key.iter().map(|key| (product(key) / (each as f64).sqrt()).exp()).collect();
                let all: f64 = weights.iter().sum();
                for at in own.clone() {
                    mixed[row][at] = weights.iter().zip(&value).map(|(weight, value)| weight / all * value[at]).sum();
                }
            }
            let add = |state: &mut [Vec<f64>], more: Vec<Vec<f64>>| {
                state.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(number, more)| *number += more);
            };
            add(&mut state, self.linear(&at("attention.output.dense"), &mixed));
            self.norm(&at("attention.output.LayerNorm"), &mut state);
            let mut wide = self.linear(&at("intermediate.dense"), &state);
            wide.iter_mut().flatten().for_each(|number| *number *= 0.5 * (1.0 + erf(*number / 2.0_f64.sqrt())));
            add(&mut state, self.linear(&at("output.dense"), &wide));
            self.norm(&at("output.LayerNorm"), &mut state);
        }
        state
    }
}

/// Its Maclaurin series, which suffices for the small numbers here.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn texts_of_all_lengths_at_once_are_encoded_as_the_formula_says() {
    let weights = weights(&SHAPE);
    let texts: [&[u32]; 5] = [&[3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 3], &[], &[7, 7], &[9; 40]];
    let expected: Vec<f64> = texts.iter().flat_map(|text| Plain(&weights).encode(text)).flatten().collect();
    for prefix in ["", "bert."] {
        let encoder = Encoder::load(&file(&weights, prefix), SHAPE).unwrap();
        let encoded = encoder.encode(&texts).unwrap();
        assert_eq!(encoded.len(), expected.len());
        for (at, (ours, theirs)) in encoded.iter().zip(&expected).enumerate() {
            assert!((f64::from(*ours) - theirs).abs() < 1e-4, "number {at}: {ours} and {theirs}");
        }
    }
}

#[test]
fn weights_that_do_not_fit_their_config_are_refused_by_name() {
    let weights = weights(&SHAPE);
    let load = |weights: &[_], shape| Encoder::load(&file(weights, ""), shape).map(drop).unwrap_err();
    let told = load(&weights, Shape { wide: 41, ..SHAPE });
    assert!(told.contains("intermediate.dense.weight is [40, 24], and not [41, 24]"), "{told}");
    let told = load(&weights[..weights.len() - 1], SHAPE);
    assert!(told.contains("no tensor encoder.layer.1.output.LayerNorm.bias"), "{told}");
    let told = Encoder::load(b"no weights", SHAPE).map(drop).unwrap_err();
    assert!(!told.is_empty());
}

#[test]
fn a_token_beyond_the_vocabulary_is_an_error() {
    let encoder = Encoder::load(&file(&weights(&SHAPE), ""), SHAPE).unwrap();
    assert_eq!(encoder.encode(&[&[1, 16]]), Err("token 16 is not known".into()));
}
