//! The table of tools against the contract with MCP clients, `contract/tools.json`: names and parameters are fixed.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use osmoda_ipc::{Effect, Fault};
use osmoda_mcp::{ToolInfo, tools};
use serde_json::{Value, json};

/// All tools of the suite, once every daemon is there.
const ALL: usize = 92;

/// What reaches a model of a tool, on average, in bytes at most: its name, its description and its arguments' schema.
const BYTES_A_TOOL: usize = 600;

fn contract() -> BTreeMap<String, Value> {
    let entries: Vec<Value> = serde_json::from_str(include_str!("contract/tools.json")).unwrap();
    entries.into_iter().map(|entry| (entry["name"].as_str().unwrap().to_owned(), entry)).collect()
}

/// Every listed tool with its entry.
fn pairs() -> impl Iterator<Item = (&'static ToolInfo, Value)> {
    let contract = contract();
    tools().iter().map(move |tool| {
        (tool, contract.get(tool.name).unwrap_or_else(|| panic!("{} is in no contract", tool.name)).clone())
    })
}

fn words(entry: &Value, key: &str) -> Vec<String> {
    match &entry[key] {
        Value::String(text) => text.split(' ').map(str::to_owned).collect(),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        other => panic!("{key}: {other}"),
    }
}

#[test]
fn names_are_unique_and_a_clients_tool_names() {
    let names: BTreeSet<&str> = tools().iter().map(|tool| tool.name).collect();
    assert_eq!(names.len(), tools().len());
    for name in names {
        assert!((1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
    }
}

#[test]
fn a_daemon_with_a_file_has_tools_and_all_daemons_together_have_all() {
    let file = |daemon: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/tools/{daemon}.rs")).exists();
    let contract = contract();
    let daemons: BTreeSet<&str> = contract.values().map(|entry| entry["daemon"].as_str().unwrap()).collect();
    let with_file: BTreeSet<&str> = daemons.iter().copied().filter(|daemon| file(daemon)).collect();
    let listed: BTreeSet<&str> = tools().iter().map(|tool| tool.daemon).collect();
    assert_eq!(listed, with_file);
    assert_eq!(contract.len(), ALL);
    if with_file == daemons {
        assert_eq!(tools().len(), ALL);
    }
}

#[test]
fn daemon_method_path_and_effect_are_the_contracts() {
    for (tool, entry) in pairs() {
        let effect = match tool.endpoint.effect {
            Effect::Read => "read",
            Effect::Write => "write",
            Effect::Destructive => "destructive",
        };
        let is = json!([tool.daemon, tool.endpoint.method.as_str(), tool.endpoint.path, effect]);
        assert_eq!(is, json!([entry["daemon"], entry["method"], entry["path"], entry["effect"]]), "{}", tool.name);
    }
}

#[test]
fn parameters_are_the_contracts_and_what_is_more_is_optional() {
    for (tool, entry) in pairs() {
        let schema = &tool.input_schema;
        assert_eq!(
            (&schema["type"], &schema["additionalProperties"]),
            (&json!("object"), &json!(false)),
            "{}",
            tool.name
        );
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        let mut fixed = BTreeSet::new();
        for parameter in words(&entry, "params") {
            // `name:type?` and, after a space, a remark.
            let (name, kind) = parameter.split(' ').next().unwrap().split_once(':').unwrap();
            let kind = kind
                .strip_suffix('?')
                .inspect(|_| assert!(!required.contains(name), "{} {name} is optional", tool.name))
                .unwrap_or_else(|| {
                    fixed.insert(name.to_owned());
                    kind
                });
            let is = &schema["properties"][name]["type"];
            let expected = match kind {
                "timestamp" => json!("string"),
                list if list.ends_with("[]") => json!("array"),
                plain => json!(plain),
            };
            assert_eq!(is, &expected, "{} {name}", tool.name);
        }
        assert_eq!(required, fixed.iter().map(String::as_str).collect(), "{}: what must be given", tool.name);
    }
}

/// Whether objects of this schema, or of its elements', have a field of this name.
fn has_field(schema: &Value, name: &str) -> bool {
    schema["properties"].get(name).is_some() || schema.get("items").is_some_and(|items| has_field(items, name))
}

#[test]
fn results_have_the_contracts_fields() {
    for (tool, entry) in pairs() {
        let schema = &tool.output_schema;
        assert_eq!(schema["type"], "object", "{}", tool.name);
        // The result `approval` is the approval itself, as approval_request answers it.
        let result = match entry["result"].as_str().unwrap() {
            "approval" => "id status expires_at",
            // A2A has the card's fields fixed.
            "A2A agent card" => "name supportedInterfaces capabilities securitySchemes skills signatures",
            // Likewise the incident, as incident_create answers it.
            "incident" => "id name status steps",
            fields => fields,
        };
        let mut list: Option<&Value> = None;
        for word in result.split(' ') {
            let (opens, rest) = word.split_once('[').map_or((None, word), |(name, rest)| (Some(name), rest));
            if let Some(name) = opens {
                list = Some(&schema["properties"][name]);
                assert_eq!(schema["properties"][name]["type"], "array", "{} {name}", tool.name);
            }
            let field = rest.trim_end_matches(']');
            let place = list.unwrap_or(schema);
            assert!(field.is_empty() || has_field(place, field), "{}: {field} is missing in {place}", tool.name);
            if rest.ends_with(']') {
                list = None;
            }
        }
    }
}

/// Clients hold a failed call's structured content, which is the fault, against the output schema as well.
#[test]
fn a_fault_fits_every_output_schema() {
    let fault = json!(Fault::bad_request("code", "message").with_detail(json!({})).envelope());
    for tool in tools() {
        let schema = &tool.output_schema;
        let choices = schema["anyOf"].as_array().unwrap_or_else(|| panic!("{}: {schema}", tool.name));
        let has_all = |choice: &Value| {
            choice["required"].as_array().unwrap().iter().all(|name| fault.get(name.as_str().unwrap()).is_some())
        };
        assert!(choices.iter().any(has_all), "{}", tool.name);
        assert!(schema.get("required").is_none() && schema.get("additionalProperties").is_none(), "{}", tool.name);
        for (name, value) in fault.as_object().unwrap() {
            let Some(property) = schema["properties"].get(name) else { continue };
            let fits = match property["type"].as_str() {
                Some("string") => value.is_string(),
                Some("boolean") => value.is_boolean(),
                _ => false,
            };
            assert!(fits, "{}: the result's {name} and the fault's are of different kinds", tool.name);
        }
    }
}

#[test]
fn hints_follow_from_the_effect() {
    for tool in tools() {
        let hints = tool.hints;
        assert_eq!(hints.read_only, tool.endpoint.effect == Effect::Read, "{}", tool.name);
        assert_eq!(hints.destructive, tool.endpoint.effect == Effect::Destructive, "{}", tool.name);
        assert!(!hints.read_only || hints.idempotent, "{} reads, and reading twice is reading", tool.name);
    }
    let listing = osmoda_mcp::listing();
    for tool in listing["tools"].as_array().unwrap() {
        let written: Vec<&str> = tool["annotations"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(written, ["destructiveHint", "idempotentHint", "openWorldHint", "readOnlyHint"], "{tool}");
    }
}

#[test]
fn three_to_eight_tools_are_always_at_hand() {
    let listing = osmoda_mcp::listing();
    let at_hand = listing["tools"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tool| tool["_meta"]["anthropic/alwaysLoad"] == true)
        .count();
    assert!((3..=8).contains(&at_hand), "{at_hand}");
}

#[test]
fn schemas_need_nothing_from_elsewhere_and_arguments_no_null() {
    for tool in tools() {
        let text = |schema: &Value| serde_json::to_string(schema).unwrap();
        let both = text(&tool.input_schema) + &text(&tool.output_schema);
        for unwanted in ["\"$ref\"", "\"$defs\"", "\"$schema\"", "\"default\":null", "\"format\":", "\"type\":["] {
            assert!(!both.contains(unwanted), "{} has {unwanted}: {both}", tool.name);
        }
        assert!(!text(&tool.input_schema).contains("\"null\""), "{}", tool.name);
    }
}

#[test]
fn what_reaches_a_model_is_small() {
    let bytes = |tool: &ToolInfo| {
        let facing =
            json!({ "name": tool.name, "description": tool.endpoint.about, "input_schema": tool.input_schema });
        serde_json::to_vec(&facing).unwrap().len()
    };
    let all: usize = tools().iter().map(bytes).sum();
    let largest = tools().iter().max_by_key(|tool| bytes(tool)).unwrap();
    let average = all / tools().len();
    println!("{average} bytes a tool; the largest is {} with {}", largest.name, bytes(largest));
    assert!(average <= BYTES_A_TOOL, "{average} bytes a tool; the largest is {} with {}", largest.name, bytes(largest));
}
