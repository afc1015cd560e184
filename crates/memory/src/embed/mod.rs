//! Embedding engines: from a text to a unit vector, on this machine, from a local folder.

mod bert;
mod encoder;
mod folder;
mod install;
mod static_model;
mod tensors;

pub(crate) use install::install;
use osmoda_api::agentd::MemoryModel;

use self::folder::ModelFolder;
use crate::MemoryError;

/// Computes vectors. Two texts that mean the same have vectors whose product is near 1.
pub trait Engine: Send + Sync {
    /// How many numbers a vector has.
    fn dimensions(&self) -> usize;
    /// One unit vector a text, in order.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, MemoryError>;
    /// How many texts at once are computed fastest.
    fn batch(&self) -> usize;
}

/// An engine and what is known of its model.
pub struct Model {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Its facts.
    pub facts: MemoryModel,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Model").field(&self.facts).finish()
    }
}

impl Model {
    /// Loads the model of a folder in the layout of Hugging Face: a BERT sentence-transformer or a static model.
    pub fn load(path: &std::path::Path) -> Result<Self, MemoryError> {
        let folder = ModelFolder::open(path)?;
        let (engine, name): (Box<dyn Engine>, _) = if folder.is_static() {
            (Box::new(static_model::StaticModel::load(&folder)?), "static")
        } else {
            (Box::new(bert::Bert::load(&folder)?), "transformer")
        };
        let facts = MemoryModel {
            name: folder.name(),
            engine: name.into(),
            dimensions: u32::try_from(engine.dimensions()).unwrap_or(u32::MAX),
            sha256: folder.digest(),
        };
        let model = Self { engine, facts };
        model.try_out(path)?;
        Ok(model)
    }

    /// The vector of one text.
    pub fn embed_one(&self, text: &str) -> Result<Vec<f32>, MemoryError> {
        let mut vectors = self.engine.embed(&[text])?;
        vectors.pop().ok_or_else(|| MemoryError::Embedding("no vector came out".into()))
    }

    /// A model that can't tell a port from a birthday is broken, whatever its files say.
    fn try_out(&self, path: &std::path::Path) -> Result<(), MemoryError> {
        let texts =
            ["The web server listens on port 443.", "Which port does the web server use?", "Her birthday is in May."];
        let bad = |why: &str| MemoryError::BadModel { path: path.to_owned(), why: why.into() };
        let vectors = self.engine.embed(&texts)?;
        let product = |a: usize, b: usize| dot(&vectors[a], &vectors[b]);
        if vectors.iter().flatten().any(|number| !number.is_finite()) {
            return Err(bad("its vectors are not finite"));
        }
        match product(0, 1) > product(1, 2) {
            true => Ok(()),
            false => Err(bad("it finds a question nearer to a stranger than to its answer")),
        }
    }
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Scales a vector to length 1; one without a direction stays as it is.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        for number in vector {
            *number /= length;
        }
    }
}
