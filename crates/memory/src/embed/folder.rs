//! A model's folder in the layout of Hugging Face: config.json, tokenizer.json, model.safetensors, and what
//! sentence-transformers puts beside them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use crate::MemoryError;

const LARGEST_WEIGHTS: u64 = 2 << 30;
const LARGEST_TEXT: u64 = 64 << 20;

/// A folder whose files are there and can be read.
pub(super) struct ModelFolder {
    path: PathBuf,
    /// config.json; null where there is none.
    pub(super) config: Value,
    /// The weights file's bytes.
    pub(super) weights: Vec<u8>,
    tokenizer: Tokenizer,
}

impl ModelFolder {
    pub(super) fn open(path: &Path) -> Result<Self, MemoryError> {
        let bad = |why: String| MemoryError::BadModel { path: path.to_owned(), why };
        // Where sentence-transformers keeps a static model.
        let inner = ["", "0_StaticEmbedding", "0_Transformer"].map(|name| path.join(name));
        let find = |name: &str| {
            let found = inner.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
            found.ok_or_else(|| bad(format!("it has no {name}")))
        };
        let config = match find("config.json") {
            Ok(file) => serde_json::from_slice(&read(&file, LARGEST_TEXT).map_err(&bad)?)
                .map_err(|error| bad(format!("config.json is no JSON: {error}")))?,
            Err(_) => Value::Null,
        };
        let tokenizer = read(&find("tokenizer.json")?, LARGEST_TEXT).map_err(&bad)?;
        let tokenizer = Tokenizer::from_bytes(tokenizer).map_err(|error| bad(format!("tokenizer.json: {error}")))?;
        let weights = read(&find("model.safetensors")?, LARGEST_WEIGHTS).map_err(&bad)?;
        Ok(Self { path: path.to_owned(), config, weights, tokenizer })
    }

    pub(super) fn bad(&self, why: impl std::fmt::Display) -> MemoryError {
        MemoryError::BadModel { path: self.path.clone(), why: why.to_string() }
    }

    /// Whether it has one vector a token and nothing else.
    pub(super) fn is_static(&self) -> bool {
        let names = safetensors::SafeTensors::deserialize(&self.weights);
        names.is_ok_and(|tensors| {
            tensors.names().iter().any(|name| *name == "embeddings" || *name == "embedding.weight")
        })
    }

    /// The tokenizer, cutting texts to so many tokens, without padding.
    pub(super) fn tokenizer(&self, longest: usize) -> Result<Tokenizer, MemoryError> {
        let mut tokenizer = self.tokenizer.clone();
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: longest, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| self.bad(error))?;
        Ok(tokenizer)
    }

    /// Another JSON file of the folder; null where it is absent.
    pub(super) fn json(&self, name: &str) -> Value {
        let bytes = read(&self.path.join(name), LARGEST_TEXT).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        let given = self.config["_name_or_path"].as_str().or_else(|| self.config["tokenizer_name"].as_str());
        let given = given.filter(|name| !name.is_empty() && name.len() <= 128).map(str::to_owned);
        given.unwrap_or_else(|| self.path.file_name().unwrap_or_default().to_string_lossy().into_owned())
    }

    /// The SHA-256 of the weights.
    pub(super) fn digest(&self) -> String {
        Sha256::digest(&self.weights).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn read(file: &Path, most: u64) -> Result<Vec<u8>, String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let size = fs::metadata(file).map_err(|error| format!("{name}: {error}"))?.len();
    if size > most {
        return Err(format!("{name} has {size} bytes; {most} is the most"));
    }
    fs::read(file).map_err(|error| format!("{name}: {error}"))
}
