//! The numbers of a model's weights file, as f32 whatever they are kept as.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// A weights file, and what stands before the names of its tensors.
pub(super) struct Tensors<'a> {
    file: SafeTensors<'a>,
    prefix: &'static str,
}

impl<'a> Tensors<'a> {
    pub(super) fn read(weights: &'a [u8], prefixes: &[&'static str], known: &str) -> Result<Self, String> {
        let file = SafeTensors::deserialize(weights).map_err(|error| error.to_string())?;
        let prefix = prefixes.iter().find(|prefix| file.tensor(&format!("{prefix}{known}")).is_ok());
        Ok(Self { prefix: prefix.copied().unwrap_or_default(), file })
    }

    /// The numbers of a tensor that must have this shape, row by row.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let name = format!("{}{name}", self.prefix);
        let view = self.file.tensor(&name).map_err(|_| format!("it has no tensor {name}"))?;
        if view.shape() != shape {
            return Err(format!("its tensor {name} is {:?}, and not {shape:?}", view.shape()));
        }
        floats(&view).ok_or_else(|| format!("its tensor {name} is neither f32, f64, f16 nor bf16"))
    }
}

/// `None` where they are no floating point numbers.
pub(super) fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|bytes| half(u16::from_le_bytes(*bytes))).collect(),
        Dtype::BF16 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16))
            .collect(),
        _ => return None,
    })
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2.0_f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2.0_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_are_read() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
