//! Why nothing ran in a sandbox.

use std::io;

use osmoda_capability::Refused;
use osmoda_ipc::Fault;
use osmoda_sandbox::{Layer, Refusal};
use serde_json::json;

use crate::capabilities;

/// Nothing ran.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// There are two rings here.
    #[error("ring is 1 or 2")]
    BadRing,
    /// Its time.
    #[error("a timeout is 1 to {0} seconds")]
    BadTimeout(u64),
    /// Tokens for a ring that is given nothing.
    #[error("ring 2 is given nothing; say ring 1 with capabilities")]
    Ring2,
    /// More than one token with hosts: the proxy is shown one.
    #[error("only one token may name hosts; mint one that names all of them")]
    TwoWays,
    /// A token that permits nothing.
    #[error("{0}")]
    Token(Refused),
    /// The runner can't be reached.
    #[error("the sandbox's runner can't be reached: {0}")]
    Unreachable(#[source] io::Error),
    /// The runner said no.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<SandboxError> for Fault {
    fn from(error: SandboxError) -> Self {
        let message = error.to_string();
        match error {
            SandboxError::BadRing | SandboxError::BadTimeout(_) | SandboxError::Ring2 | SandboxError::TwoWays => {
                Self::bad_request("invalid_request", message)
            }
            SandboxError::Token(why) => Self::forbidden(capabilities::code(&why), message),
            SandboxError::Unreachable(_) => unavailable("runner", &message),
            SandboxError::Refused(refusal) => match &refusal {
                Refusal::Unavailable { layer, why } => {
                    unavailable(layer_name(*layer), &format!("{}{}", why, hint(*layer, why)))
                }
                Refusal::BadGrant { .. } => Self::forbidden("capability_path", message),
                Refusal::Invalid(_) => Self::bad_request("invalid_request", message),
                Refusal::Busy { .. } => Self::too_many(
                    "sandbox_busy",
                    format!("{message}, the most that may; try again when one has ended"),
                ),
            },
        }
    }
}

/// Nothing runs looser than it should: where a layer is missing, nothing runs.
fn unavailable(layer: &str, why: &str) -> Fault {
    Fault::unavailable(
        "sandbox_unavailable",
        format!("nothing was run, since the sandbox can't be set up ({layer}): {why}"),
    )
    .with_detail(json!({ "layer": layer }))
    .with_retryable(false)
}

fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Runner => "runner",
        Layer::Bubblewrap => "bubblewrap",
        Layer::Landlock => "landlock",
        Layer::Seccomp => "seccomp",
        Layer::Limits => "limits",
        Layer::Network => "network",
    }
}

/// What usually is behind it.
fn hint(layer: Layer, why: &str) -> &'static str {
    let refused = ["ermission denied", "not permitted", "No space left"].iter().any(|words| why.contains(words));
    match layer {
        Layer::Bubblewrap if refused => {
            "; this account may not make user namespaces: see `agentctl doctor` (on Ubuntu an AppArmor profile for bwrap is missing)"
        }
        Layer::Network => "; start osmoda-egress, or leave net: out of the capabilities",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_layer_is_named_and_says_what_to_do() {
        let refusal = Refusal::Unavailable {
            layer: Layer::Bubblewrap,
            why: "bwrap: setting up uid map: Permission denied".into(),
        };
        let fault = Fault::from(SandboxError::Refused(refusal));
        assert_eq!(fault.code(), "sandbox_unavailable");
        assert!(fault.to_string().contains("AppArmor"), "{fault}");
        let fault = Fault::from(SandboxError::Refused(Refusal::Busy { most: 8 }));
        assert_eq!(fault.code(), "sandbox_busy");
    }
}
