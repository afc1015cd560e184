//! The encoder of BERT (Devlin et al., 2018, arXiv:1810.04805): tokens in, one vector a token out.
//!
//! The tokens of all texts stand below each other without padding; only attention knows where a text ends. The weights
//! are packed for the processor when they are loaded: to pack them anew for every product takes ten times as long as the
//! product where a text has but a few tokens, which is what a question is.

use rayon::prelude::*;
use rten_gemm::{BiasVector, GemmError, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::{Matrix, NdTensorView};
use rten_vecmath::{Gelu, Normalize, NormalizeOptions, Softmax, Sum, SumSquareSub};

use super::tensors::Tensors;

#[cfg(test)]
mod tests;

/// Rows that one thread works on at a time where each row stands for itself.
const ROWS: usize = 32;

/// What config.json says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Tokens of the vocabulary.
    pub(super) words: usize,
    /// The longest text, in tokens.
    pub(super) positions: usize,
    /// Numbers of a token's vector; a multiple of `heads`.
    pub(super) dimensions: usize,
    /// Attention heads.
    pub(super) heads: usize,
    /// Numbers between a layer's two last products.
    pub(super) wide: usize,
    /// Layers.
    pub(super) layers: usize,
    /// Added to the variance before its root is divided by.
    pub(super) eps: f32,
}

/// The weights, ready to be multiplied.
pub(super) struct Encoder {
    shape: Shape,
    words: Vec<f32>,
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Queries, keys and values side by side.
    projected: Linear,
    attended: Linear,
    attended_norm: Norm,
    wide: Linear,
    narrow: Linear,
    norm: Norm,
}

struct Linear {
    weight: PackedBMatrix<f32>,
    bias: Vec<f32>,
}

struct Norm {
    scale: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl Encoder {
    /// Takes the weights of a file in the layout of Hugging Face; the error says what of it is not as it should be.
    pub(super) fn load(weights: &[u8], shape: Shape) -> Result<Self, String> {
        let tensors = Tensors::read(weights, &["", "bert."], "embeddings.word_embeddings.weight")?;
        let size = shape.dimensions;
        let mut places = tensors.floats("embeddings.position_embeddings.weight", &[shape.positions, size])?;
        // A text is one sentence of kind 0: what says so is the same at each place.
        let kind = tensors.floats("embeddings.token_type_embeddings.weight", &[2, size])?;
        places.chunks_exact_mut(size).for_each(|place| add(place, &kind[..size]));
        let layers = (0..shape.layers).map(|number| Layer::load(&tensors, number, &shape));
        Ok(Self {
            words: tensors.floats("embeddings.word_embeddings.weight", &[shape.words, size])?,
            places,
            norm: Norm::load(&tensors, "embeddings.LayerNorm", &shape)?,
            layers: layers.collect::<Result<_, _>>()?,
            shape,
        })
    }

    /// The vectors of every token of every text, one below the other. No text is longer than `positions`.
    pub(super) fn encode(&self, texts: &[&[u32]]) -> Result<Vec<f32>, String> {
        let size = self.shape.dimensions;
        let mut state = Vec::with_capacity(texts.iter().map(|text| text.len() * size).sum());
        for text in texts {
            for (token, place) in text.iter().zip(self.places.chunks_exact(size)) {
                let from = *token as usize * size;
                let word = self.words.get(from..from + size).ok_or_else(|| format!("token {token} is not known"))?;
                state.extend(word.iter().zip(place).map(|(word, place)| word + place));
            }
        }
        self.norm.apply(&mut state);
        let spans = spans(texts);
        for layer in &self.layers {
            self.pass(layer, &mut state, &spans).map_err(|error| error.to_string())?;
        }
        Ok(state)
    }

    fn pass(&self, layer: &Layer, state: &mut [f32], spans: &[Span]) -> Result<(), GemmError> {
        let projected = layer.projected.apply(state)?;
        let mixed = self.attend(&projected, spans)?;
        add(state, &layer.attended.apply(&mixed)?);
        layer.attended_norm.apply(state);
        let mut wide = layer.wide.apply(state)?;
        wide.par_chunks_mut(ROWS * self.shape.wide).for_each(|rows| Gelu {}.map_mut(rows));
        add(state, &layer.narrow.apply(&wide)?);
        layer.norm.apply(state);
        Ok(())
    }

    /// What each token takes from the tokens of its own text, head by head.
    fn attend(&self, projected: &[f32], spans: &[Span]) -> Result<Vec<f32>, GemmError> {
        let (size, heads) = (self.shape.dimensions, self.shape.heads);
        let each = size / heads;
        let parts: Vec<(Span, usize)> =
            spans.iter().flat_map(|span| (0..heads).map(move |head| (*span, head))).collect();
        let taken = parts.par_iter().map(|(span, head)| self.attend_alone(projected, *span, *head));
        let taken = taken.collect::<Result<Vec<_>, _>>()?;
        let mut mixed = vec![0.0; projected.len() / 3];
        for ((span, head), taken) in parts.iter().zip(taken) {
            for (row, taken) in taken.chunks_exact(each).enumerate() {
                mixed[(span.start + row) * size + head * each..][..each].copy_from_slice(taken);
            }
        }
        Ok(mixed)
    }

    /// One head of one text: softmax(Q Kᵀ / √d) V.
    fn attend_alone(&self, projected: &[f32], span: Span, head: usize) -> Result<Vec<f32>, GemmError> {
        let size = self.shape.dimensions;
        let (each, count) = (size / self.shape.heads, span.length);
        let all = NdTensorView::from_data([projected.len() / (3 * size), 3 * size], projected);
        let rows = span.start..span.start + count;
        let [query, key, value] = [0, 1, 2].map(|kind| {
            let from = kind * size + head * each;
            all.slice((rows.clone(), from..from + each))
        });
        // One is made for each product: it can't be shared by threads, and is but the choice of the processor's kernel.
        let gemm = GemmExecutor::default();
        let mut weights = vec![0.0; count * count];
        let scaled = GemmOptions { alpha: 1.0 / (each as f32).sqrt(), ..GemmOptions::default() };
        let (query, key) = (GemmInputA::Unpacked(query), GemmInputB::Unpacked(key.transposed()));
        gemm.gemm(&mut weights, query, key, scaled)?;
        for row in weights.chunks_exact_mut(count) {
            Softmax::new_mut(row).dispatch();
        }
        let mut taken = vec![0.0; count * each];
        let weights = GemmInputA::Unpacked(NdTensorView::from_data([count, count], weights.as_slice()));
        let value = GemmInputB::Unpacked(value);
        gemm.gemm(&mut taken, weights, value, GemmOptions::default())?;
        Ok(taken)
    }
}

/// Which rows are a text's.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
}

fn spans(texts: &[&[u32]]) -> Vec<Span> {
    let starts = texts.iter().scan(0, |next, text| {
        let start = *next;
        *next += text.len();
        Some(Span { start, length: text.len() })
    });
    starts.filter(|span| span.length > 0).collect()
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

impl Layer {
    fn load(tensors: &Tensors<'_>, number: usize, shape: &Shape) -> Result<Self, String> {
        let (size, wide) = (shape.dimensions, shape.wide);
        let at = |name: &str| format!("encoder.layer.{number}.{name}");
        let linear = |names: &[&str], from, to| {
            Linear::load(tensors, &names.iter().map(|name| at(name)).collect::<Vec<_>>(), from, to)
        };
        Ok(Self {
            projected: linear(&["attention.self.query", "attention.self.key", "attention.self.value"], size, size)?,
            attended: linear(&["attention.output.dense"], size, size)?,
            attended_norm: Norm::load(tensors, &at("attention.output.LayerNorm"), shape)?,
            wide: linear(&["intermediate.dense"], size, wide)?,
            narrow: linear(&["output.dense"], wide, size)?,
            norm: Norm::load(tensors, &at("output.LayerNorm"), shape)?,
        })
    }
}

impl Linear {
    /// The products of these names, side by side; each is from so many numbers to so many.
    fn load(tensors: &Tensors<'_>, names: &[String], from: usize, to: usize) -> Result<Self, String> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weight.extend(tensors.floats(&format!("{name}.weight"), &[to, from])?);
            bias.extend(tensors.floats(&format!("{name}.bias"), &[to])?);
        }
        let weight =
            GemmExecutor::default().prepack_b(Matrix::from_data([bias.len(), from], weight.as_slice()).transposed());
        Ok(Self { weight, bias })
    }

    fn apply(&self, rows: &[f32]) -> Result<Vec<f32>, GemmError> {
        let (from, to) = (self.weight.rows(), self.weight.cols());
        let count = rows.len() / from;
        let mut out = vec![0.0; count * to];
        let rows = GemmInputA::Unpacked(NdTensorView::from_data([count, from], rows));
        let bias = Some(BiasVector::Row(&self.bias));
        GemmExecutor::default().gemm(
            &mut out,
            rows,
            GemmInputB::Packed(&self.weight),
            GemmOptions { bias, ..GemmOptions::default() },
        )?;
        Ok(out)
    }
}

impl Norm {
    fn load(tensors: &Tensors<'_>, name: &str, shape: &Shape) -> Result<Self, String> {
        let size = shape.dimensions;
        Ok(Self {
            scale: tensors.floats(&format!("{name}.weight"), &[size])?,
            bias: tensors.floats(&format!("{name}.bias"), &[size])?,
            eps: shape.eps,
        })
    }

    fn apply(&self, rows: &mut [f32]) {
        let size = self.scale.len();
        rows.par_chunks_mut(ROWS * size).flat_map_iter(|rows| rows.chunks_exact_mut(size)).for_each(|row| {
            let mean = Sum::new(row).dispatch() / size as f32;
            let variance = SumSquareSub::new(row, mean).dispatch() / size as f32;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: 1.0 / (variance + self.eps).sqrt(),
                element_scale: Some(&self.scale),
                element_bias: Some(&self.bias),
                ..NormalizeOptions::default()
            };
            Normalize::new_mut(row, options).dispatch();
        });
    }
}
