//! What the card says.

use std::path::Path;

use osmoda_api::agentd::{AgentCapabilities, AgentCard, AgentExtension, AgentInterface, AgentProvider};
use osmoda_ipc::Fault;
use serde_json::{Map, Value, json};

use super::{CardKey, skills::skills};
use crate::config::CardConfig;

/// The version of A2A that the card is of.
const A2A: &str = "1.0";
const ERC_8004: &str = "https://eips.ethereum.org/EIPS/eip-8004";

/// The card as it is now, signed.
pub(crate) fn card(config: &CardConfig, socket: &Path, key: &CardKey) -> Result<AgentCard, Fault> {
    let name = config.name.clone().unwrap_or_else(hostname);
    let description = config.description.clone().unwrap_or_else(|| {
        format!(
            "osmoda on {name}: typed, audited and reversible tools to run this machine, under its operator's approval"
        )
    });
    let url = config.url.clone().unwrap_or_else(|| format!("unix:{}", socket.display()));
    let provider = config
        .organization
        .clone()
        .map(|organization| AgentProvider { organization, url: config.provider_url.clone().unwrap_or_default() });
    let registration = AgentExtension {
        uri: ERC_8004.into(),
        description: "The registration file of ERC-8004 for this agent".into(),
        params: registration(config, &name, &description, &url),
    };
    let schemes = json!({ "mtlsSecurityScheme": { "description":
        "On this machine the kernel says who is calling (peer credentials). From elsewhere: a client certificate that the machine's gateway knows." } });
    let mut card = AgentCard {
        // The tools are spoken to by MCP; A2A's own tasks are not served.
        supported_interfaces: vec![AgentInterface {
            url,
            protocol_binding: "MCP".into(),
            protocol_version: A2A.into(),
        }],
        provider,
        version: env!("CARGO_PKG_VERSION").into(),
        documentation_url: config.documentation_url.clone(),
        icon_url: config.image.clone(),
        capabilities: AgentCapabilities { streaming: false, push_notifications: false, extensions: vec![registration] },
        security_schemes: [("caller".to_owned(), schemes)].into(),
        default_input_modes: vec!["application/json".into()],
        default_output_modes: vec!["application/json".into(), "text/plain".into()],
        skills: skills(),
        signatures: Vec::new(),
        name,
        description,
    };
    let unsigned = serde_json::to_value(&card).map_err(Fault::internal)?;
    card.signatures.push(key.sign(unsigned));
    Ok(card)
}

/// The registration file's fields (ERC-8004, registration-v1).
fn registration(config: &CardConfig, name: &str, description: &str, url: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("type", json!(format!("{ERC_8004}#registration-v1")));
    put("name", json!(name));
    put("description", json!(description));
    put("services", json!([{ "name": "MCP", "endpoint": url }]));
    put("active", json!(true));
    put("x402Support", json!(false));
    if let Some(image) = &config.image {
        put("image", json!(image));
    }
    if let (Some(registry), Some(id)) = (&config.agent_registry, config.agent_id) {
        put("registrations", json!([{ "agentId": id, "agentRegistry": registry }]));
    }
    if !config.supported_trust.is_empty() {
        put("supportedTrust", json!(config.supported_trust));
    }
    fields
}

fn hostname() -> String {
    let name = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    name.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "osmoda".into())
}
