//! Static models (model2vec and its like): a text's vector is the mean of its tokens' vectors. No matrix is multiplied, so
//! the smallest machine embeds thousands of texts a second.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tokenizers::Tokenizer;

use super::{Engine, folder::ModelFolder, normalise, tensors::floats};
use crate::MemoryError;

const LONGEST: usize = 512;

/// One vector a token.
pub(super) struct StaticModel {
    tokenizer: Tokenizer,
    vectors: Vec<f32>,
    dimensions: usize,
    /// What each token counts; empty where all count the same.
    weights: Vec<f32>,
    /// From tokens to rows; empty where they are the same.
    rows: Vec<usize>,
    unknown: Option<u32>,
}

impl StaticModel {
    pub(super) fn load(folder: &ModelFolder) -> Result<Self, MemoryError> {
        let tensors = SafeTensors::deserialize(&folder.weights).map_err(|error| folder.bad(error))?;
        let table = tensors.tensor("embeddings").or_else(|_| tensors.tensor("embedding.weight"));
        let table = table.map_err(|error| folder.bad(error))?;
        let &[rows, dimensions] = table.shape() else {
            return Err(folder.bad("its table of vectors has not two dimensions"));
        };
        if rows == 0 || !(16..=4096).contains(&dimensions) {
            return Err(folder.bad(format!("its table of vectors is {rows} x {dimensions}")));
        }
        let vectors = floats(&table).ok_or_else(|| folder.bad("its vectors are neither f32, f16 nor bf16"))?;
        let weights = tensors.tensor("weights").ok().and_then(|view| floats(&view)).unwrap_or_default();
        let mapping = tensors.tensor("mapping").ok().and_then(|view| integers(&view)).unwrap_or_default();
        if mapping.iter().any(|row| *row >= rows) {
            return Err(folder.bad("its mapping leads out of its table"));
        }
        let tokenizer = folder.tokenizer(LONGEST)?;
        let unknown = ["[UNK]", "<unk>"].iter().find_map(|token| tokenizer.token_to_id(token));
        Ok(Self { tokenizer, vectors, dimensions, weights, rows: mapping, unknown })
    }

    fn add(&self, token: u32, sum: &mut [f32]) {
        let token = token as usize;
        let row = self.rows.get(token).copied().unwrap_or(token);
        let weight = self.weights.get(token).copied().unwrap_or(1.0);
        let Some(vector) = self.vectors.get(row * self.dimensions..(row + 1) * self.dimensions) else { return };
        for (sum, number) in sum.iter_mut().zip(vector) {
            *sum += weight * number;
        }
    }
}

impl Engine for StaticModel {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, MemoryError> {
        let encoded = self.tokenizer.encode_batch_fast(texts.to_vec(), false);
        let encoded = encoded.map_err(|error| MemoryError::Embedding(error.to_string()))?;
        Ok(encoded
            .iter()
            .map(|tokens| {
                let mut vector = vec![0.0; self.dimensions];
                let known = tokens.get_ids().iter().filter(|token| Some(**token) != self.unknown);
                known.for_each(|token| self.add(*token, &mut vector));
                normalise(&mut vector);
                vector
            })
            .collect())
    }

    fn batch(&self) -> usize {
        256
    }
}

fn integers(view: &TensorView<'_>) -> Option<Vec<usize>> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::I64 => {
            bytes.as_chunks().0.iter().map(|bytes| usize::try_from(i64::from_le_bytes(*bytes)).ok()).collect()
        }
        Dtype::I32 => {
            bytes.as_chunks().0.iter().map(|bytes| usize::try_from(i32::from_le_bytes(*bytes)).ok()).collect()
        }
        _ => None,
    }
}
