//! BERT sentence-transformers (all-MiniLM-L6-v2 and its like) with candle: tokens, layers, mean of the tokens.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{
    Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear, ops::softmax_last_dim,
};
use serde_json::Value;
use tokenizers::Tokenizer;

use super::{Engine, folder::ModelFolder, normalise};
use crate::MemoryError;

/// Tokens of one batch, padding included: more gain no speed and cost memory.
const BATCH_TOKENS: usize = 4096;

/// The encoder and its tokenizer.
pub(super) struct Bert {
    tokenizer: Tokenizer,
    words: Embedding,
    positions: Tensor,
    kind: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    heads: usize,
    dimensions: usize,
    first_token_alone: bool,
    device: Device,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    wide: Linear,
    narrow: Linear,
    norm: LayerNorm,
}

impl Bert {
    pub(super) fn load(folder: &ModelFolder) -> std::result::Result<Self, MemoryError> {
        let config = &folder.config;
        match config["model_type"].as_str() {
            Some("bert") => {}
            other => return Err(folder.bad(format!("its model_type is {other:?}; bert and static models are known"))),
        }
        if config["hidden_act"].as_str().is_some_and(|act| act != "gelu") {
            return Err(folder.bad("its hidden_act is not gelu"));
        }
        let number = |key: &str, range: std::ops::RangeInclusive<usize>| {
            let number = config[key].as_u64().and_then(|number| usize::try_from(number).ok());
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| folder.bad(format!("config.json: {key} is not in {range:?}")))
        };
        let dimensions = number("hidden_size", 16..=4096)?;
        let heads = number("num_attention_heads", 1..=64)?;
        let positions = number("max_position_embeddings", 16..=8192)?;
        let shape = Shape {
            words: number("vocab_size", 16..=1_000_000)?,
            positions,
            dimensions,
            wide: number("intermediate_size", 16..=16384)?,
            layers: number("num_hidden_layers", 1..=48)?,
            eps: config["layer_norm_eps"].as_f64().unwrap_or(1e-12),
        };
        if dimensions % heads != 0 {
            return Err(folder.bad("config.json: hidden_size is no multiple of num_attention_heads"));
        }
        let sequence = folder.json("sentence_bert_config.json")["max_seq_length"].as_u64();
        let longest =
            sequence.and_then(|longest| usize::try_from(longest).ok()).unwrap_or(positions).clamp(16, positions);
        let tokenizer = folder.tokenizer(longest)?;
        let pooling = folder.json("1_Pooling/config.json");
        let first_token_alone = pooling["pooling_mode_cls_token"] == Value::Bool(true);
        let built = Self::build(folder.weights.clone(), &shape);
        let (words, positions, kind, norm, layers) = built.map_err(|error| folder.bad(error))?;
        let device = Device::Cpu;
        Ok(Self { tokenizer, words, positions, kind, norm, layers, heads, dimensions, first_token_alone, device })
    }

    fn build(weights: Vec<u8>, shape: &Shape) -> Result<(Embedding, Tensor, Tensor, LayerNorm, Vec<Layer>)> {
        let all = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        let root = if all.contains_tensor("bert.embeddings.word_embeddings.weight") { all.pp("bert") } else { all };
        let at = root.pp("embeddings");
        let size = shape.dimensions;
        let words = embedding(shape.words, size, at.pp("word_embeddings"))?;
        let positions = at.pp("position_embeddings").get((shape.positions, size), "weight")?;
        let kind = at.pp("token_type_embeddings").get((2, size), "weight")?.get(0)?;
        let norm = layer_norm(size, shape.eps, at.pp("LayerNorm"))?;
        let layers = (0..shape.layers)
            .map(|number| Layer::build(&root.pp("encoder.layer").pp(number), shape))
            .collect::<Result<_>>()?;
        Ok((words, positions, kind, norm, layers))
    }

    /// The vectors of texts that have `length` tokens or fewer.
    fn forward(&self, texts: &[&[u32]], length: usize) -> Result<Vec<Vec<f32>>> {
        let count = texts.len();
        let mut ids = vec![0_u32; count * length];
        let mut mask = vec![0_f32; count * length];
        for (row, tokens) in texts.iter().enumerate() {
            ids[row * length..][..tokens.len()].copy_from_slice(tokens);
            mask[row * length..][..tokens.len()].fill(1.0);
        }
        let ids = Tensor::from_vec(ids, count * length, &self.device)?;
        let mask = Tensor::from_vec(mask, (count, length), &self.device)?;
        let padded = texts.iter().any(|tokens| tokens.len() < length);
        // 0 where there is a token, and so little where there is none that softmax leaves nothing of it.
        let hidden = padded.then(|| ((&mask - 1.0)? * 1e9)?.reshape((count, 1, 1, length))).transpose()?;
        let places = self.positions.narrow(0, 0, length)?.broadcast_add(&self.kind)?;
        let words = self.words.forward(&ids)?.reshape((count, length, self.dimensions))?;
        let mut state = words.broadcast_add(&places)?.reshape((count * length, self.dimensions))?;
        state = self.norm.forward(&state)?;
        for layer in &self.layers {
            state = layer.forward(&state, hidden.as_ref(), (count, length, self.heads))?;
        }
        let state = state.reshape((count, length, self.dimensions))?;
        let pooled = if self.first_token_alone {
            state.narrow(1, 0, 1)?.squeeze(1)?
        } else {
            let sums = state.broadcast_mul(&mask.unsqueeze(2)?)?.sum(1)?;
            sums.broadcast_div(&mask.sum(1)?.unsqueeze(1)?)?
        };
        pooled.to_vec2()
    }
}

struct Shape {
    words: usize,
    positions: usize,
    dimensions: usize,
    wide: usize,
    layers: usize,
    eps: f64,
}

impl Layer {
    fn build(at: &VarBuilder<'_>, shape: &Shape) -> Result<Self> {
        let size = shape.dimensions;
        let own = at.pp("attention.self");
        Ok(Self {
            query: linear(size, size, own.pp("query"))?,
            key: linear(size, size, own.pp("key"))?,
            value: linear(size, size, own.pp("value"))?,
            attended: linear(size, size, at.pp("attention.output.dense"))?,
            attended_norm: layer_norm(size, shape.eps, at.pp("attention.output.LayerNorm"))?,
            wide: linear(size, shape.wide, at.pp("intermediate.dense"))?,
            narrow: linear(shape.wide, size, at.pp("output.dense"))?,
            norm: layer_norm(size, shape.eps, at.pp("output.LayerNorm"))?,
        })
    }

    fn forward(
        &self,
        state: &Tensor,
        hidden: Option<&Tensor>,
        (count, length, heads): (usize, usize, usize),
    ) -> Result<Tensor> {
        let size = state.dim(D::Minus1)?;
        let head = size / heads;
        let split = |all: Tensor| all.reshape((count, length, heads, head))?.transpose(1, 2)?.contiguous();
        // The scale is put on the queries: they are fewer numbers than their products.
        let query = (split(self.query.forward(state)?)? * (1.0 / (head as f64).sqrt()))?;
        let key = split(self.key.forward(state)?)?.transpose(2, 3)?;
        let mut weights = query.matmul(&key)?;
        if let Some(hidden) = hidden {
            weights = weights.broadcast_add(hidden)?;
        }
        let mixed = softmax_last_dim(&weights)?.matmul(&split(self.value.forward(state)?)?)?;
        let mixed = mixed.transpose(1, 2)?.contiguous()?.reshape((count * length, size))?;
        let state = self.attended_norm.forward(&(self.attended.forward(&mixed)? + state)?)?;
        let wide = self.wide.forward(&state)?.gelu_erf()?;
        self.norm.forward(&(self.narrow.forward(&wide)? + &state)?)
    }
}

impl Engine for Bert {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> std::result::Result<Vec<Vec<f32>>, MemoryError> {
        let encoded = self.tokenizer.encode_batch_fast(texts.to_vec(), true);
        let encoded = encoded.map_err(|error| MemoryError::Embedding(error.to_string()))?;
        // Texts of one length together: padding is computed like text.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|text| encoded[*text].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let mut take = 1;
            while take < rest.len() && (take + 1) * encoded[rest[take]].len() <= BATCH_TOKENS {
                take += 1;
            }
            let (now, later) = rest.split_at(take);
            let tokens: Vec<&[u32]> = now.iter().map(|text| encoded[*text].get_ids()).collect();
            let length = tokens.iter().map(|tokens| tokens.len()).max().unwrap_or_default().max(1);
            let computed = self.forward(&tokens, length).map_err(|error| MemoryError::Embedding(error.to_string()))?;
            for (text, mut vector) in now.iter().zip(computed) {
                normalise(&mut vector);
                vectors[*text] = vector;
            }
            rest = later;
        }
        Ok(vectors)
    }

    fn batch(&self) -> usize {
        64
    }
}
