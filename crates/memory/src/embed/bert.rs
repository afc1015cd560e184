//! BERT sentence-transformers (all-MiniLM-L6-v2 and its like): tokens, encoder, mean of the tokens.

use serde_json::Value;
use tokenizers::Tokenizer;

use super::{
    Engine,
    encoder::{Encoder, Shape},
    folder::ModelFolder,
    normalise,
};
use crate::MemoryError;

/// Tokens of one batch: more gain no speed and cost memory.
const BATCH_TOKENS: usize = 1024;

/// The encoder and its tokenizer.
pub(super) struct Bert {
    tokenizer: Tokenizer,
    encoder: Encoder,
    dimensions: usize,
    first_token_alone: bool,
}

impl Bert {
    pub(super) fn load(folder: &ModelFolder) -> Result<Self, MemoryError> {
        let config = &folder.config;
        match config["model_type"].as_str() {
            Some("bert") => {}
            other => return Err(folder.bad(format!("its model_type is {other:?}; bert and static models are known"))),
        }
        if config["hidden_act"].as_str().is_some_and(|act| act != "gelu") {
            return Err(folder.bad("its hidden_act is not gelu"));
        }
        let shape = shape(folder)?;
        let sequence = folder.json("sentence_bert_config.json")["max_seq_length"].as_u64();
        let longest = sequence.and_then(|longest| usize::try_from(longest).ok()).unwrap_or(shape.positions);
        let tokenizer = folder.tokenizer(longest.clamp(16, shape.positions))?;
        let pooling = folder.json("1_Pooling/config.json");
        let first_token_alone = pooling["pooling_mode_cls_token"] == Value::Bool(true);
        let encoder = Encoder::load(&folder.weights, shape).map_err(|error| folder.bad(error))?;
        Ok(Self { tokenizer, encoder, dimensions: shape.dimensions, first_token_alone })
    }

    /// A text's vector from those of its tokens.
    fn pool(&self, tokens: &[f32]) -> Vec<f32> {
        let count = if self.first_token_alone { 1 } else { tokens.len() / self.dimensions };
        let mut vector = vec![0.0; self.dimensions];
        for token in tokens.chunks_exact(self.dimensions).take(count) {
            vector.iter_mut().zip(token).for_each(|(sum, number)| *sum += number);
        }
        // The mean has the same direction as the sum, and only that is kept.
        normalise(&mut vector);
        vector
    }
}

fn shape(folder: &ModelFolder) -> Result<Shape, MemoryError> {
    let config = &folder.config;
    let number = |key: &str, range: std::ops::RangeInclusive<usize>| {
        let number = config[key].as_u64().and_then(|number| usize::try_from(number).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| folder.bad(format!("config.json: {key} is not in {range:?}")))
    };
    let shape = Shape {
        words: number("vocab_size", 16..=1_000_000)?,
        positions: number("max_position_embeddings", 16..=8192)?,
        dimensions: number("hidden_size", 16..=4096)?,
        heads: number("num_attention_heads", 1..=64)?,
        wide: number("intermediate_size", 16..=16384)?,
        layers: number("num_hidden_layers", 1..=48)?,
        eps: config["layer_norm_eps"].as_f64().unwrap_or(1e-12) as f32,
    };
    if !shape.dimensions.is_multiple_of(shape.heads) {
        return Err(folder.bad("config.json: hidden_size is no multiple of num_attention_heads"));
    }
    Ok(shape)
}

impl Engine for Bert {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, MemoryError> {
        let encoded = self.tokenizer.encode_batch_fast(texts.to_vec(), true);
        let encoded = encoded.map_err(|error| MemoryError::Embedding(error.to_string()))?;
        let tokens: Vec<&[u32]> = encoded.iter().map(tokenizers::Encoding::get_ids).collect();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            let state = self.encoder.encode(now).map_err(MemoryError::Embedding)?;
            let mut state = state.as_slice();
            for text in now {
                let (own, others) = state.split_at(text.len() * self.dimensions);
                vectors.push(self.pool(own));
                state = others;
            }
            rest = later;
        }
        Ok(vectors)
    }

    fn batch(&self) -> usize {
        64
    }
}

/// How many of the first texts go into a batch: at least one.
fn fitting(texts: &[&[u32]]) -> usize {
    let mut tokens = 0;
    let fit = texts.iter().take_while(|text| {
        tokens += text.len();
        tokens <= BATCH_TOKENS
    });
    fit.count().max(1)
}
