//! Schemas as clients like them: self-contained, without what only this crate's generator says.

use osmoda_ipc::openapi::inlined;
use schemars::Schema;
use serde_json::Value;

/// The schema of a tool's arguments.
pub(crate) fn of_input(schema: &Schema) -> Value {
    inlined(schema)
}

/// The schema of a tool's structured content.
pub(crate) fn of_output(schema: &Schema) -> Value {
    inlined(schema)
}
