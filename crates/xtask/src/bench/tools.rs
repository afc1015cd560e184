//! What reaches a model of each tool before its first call, in bytes: name, description and the arguments' schema.

use serde_json::json;

use super::{
    row::{Goal, Row},
    sample::Figures,
};
use crate::Failure;

const BYTES: f64 = 600.0;

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let sizes: Vec<f64> = osmoda_mcp::tools()
        .iter()
        .map(|tool| {
            let seen =
                json!({ "name": tool.name, "description": tool.endpoint.about, "inputSchema": tool.input_schema });
            seen.to_string().len() as f64
        })
        .collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let figures = |bytes: f64| Figures { p50: bytes, min: bytes, cpu: 0.0 };
    Ok(vec![Row {
        name: "tools",
        ours: ("model-facing bytes, mean of all", figures(mean)),
        peer: ("the allowance", figures(BYTES)),
        unit: "bytes a tool",
        ratio: mean / BYTES,
        goal: Goal::AtMost(1.0),
    }])
}
