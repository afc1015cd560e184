//! What a session changes. One flat object whose fields follow from `kind`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A kind of change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyKind {
    /// A NixOS system: built, recorded as a generation, switched to.
    Nixos,
    /// A Nix profile: a store path becomes its next generation.
    NixProfile,
    /// Files are replaced, and units reloaded or restarted.
    Files,
    /// A new version of a deployed app.
    App,
    /// A pair of commands that the configuration declares.
    Named,
    /// Nothing: the change is made already.
    #[default]
    None,
}

impl ApplyKind {
    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nixos => "nixos",
            Self::NixProfile => "nix_profile",
            Self::Files => "files",
            Self::App => "app",
            Self::Named => "named",
            Self::None => "none",
        }
    }
}

/// A change. Which fields it has follows from `kind`; others are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// What is changed.
    pub kind: ApplyKind,
    /// nixos: a flake with its configuration, such as `/etc/nixos#host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flake: Option<String>,
    /// nixos: the path of a configuration, such as `/etc/nixos/configuration.nix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// nix_profile, none: the profile; the system's where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// nix_profile: what the profile shall lead to, in the Nix store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_path: Option<String>,
    /// files: what is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FileChange>>,
    /// files: units that reload afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Vec<String>>,
    /// files: units that restart afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Vec<String>>,
    /// app: the app's name. named: the pair's name in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// app: its new program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// app: the program's arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// app: more of app_deploy's fields, such as port, env or memory_max.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
}

// Written by hand: a property a field would be several thousand bytes in each tool that takes one.
impl JsonSchema for Apply {
    fn schema_name() -> Cow<'static, str> {
        "Apply".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "kind": {
                    "type": "string",
                    "description": "Other fields: nixos: flake, or configuration. nix_profile: store_path, profile (the system's). files: files ([{path, content, mode}], without content removed), reload, restart (units). app: name, command, args, options (of app_deploy). named: name. none: profile.",
                    "enum": ["nixos", "nix_profile", "files", "app", "named", "none"],
                },
            },
            "required": ["kind"],
        })
    }
}

/// One file to replace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// Where, absolute.
    #[schemars(length(max = 1024))]
    pub path: String,
    /// What it shall hold; left out, the file is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub content: Option<String>,
    /// Its permissions in octal, such as `0644`; those before, or 0644, where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5))]
    pub mode: Option<String>,
}
