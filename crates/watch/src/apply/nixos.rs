//! A NixOS system: built from a flake or a configuration, recorded as a generation, switched to.

use std::{path::Path, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Apply, ApplyError, Tools, profile};
use crate::{run::output, switch::Facts};

/// Which system: one of both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nixos {
    flake: Option<String>,
    configuration: Option<String>,
}

impl Nixos {
    /// The build, without a shell and without a word that could be a flag.
    fn build(&self) -> Result<Vec<String>, ApplyError> {
        let own = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        match (&self.flake, &self.configuration) {
            (Some(flake), None) => {
                let (source, host) = flake
                    .split_once('#')
                    .filter(|(source, host)| is_plain(source) && is_attribute(host))
                    .ok_or_else(|| {
                        ApplyError::Invalid(format!("{flake:?} names no system of a flake, such as /etc/nixos#host"))
                    })?;
                let system = format!("{source}#nixosConfigurations.{host}.config.system.build.toplevel");
                let features = ["--extra-experimental-features", "nix-command flakes"];
                Ok([own(&["nix", "build"]), own(&features), own(&["--no-link", "--json", &system])].concat())
            }
            (None, Some(path)) => {
                if !is_plain(path) || !Path::new(path).is_absolute() || !Path::new(path).exists() {
                    return Err(ApplyError::Invalid(format!("{path:?} is no configuration that is there")));
                }
                Ok(own(&[
                    "nix-build",
                    "--no-out-link",
                    "-A",
                    "config.system.build.toplevel",
                    "-I",
                    &format!("nixos-config={path}"),
                    "<nixpkgs/nixos>",
                ]))
            }
            _ => Err(ApplyError::Invalid("apply of kind nixos needs flake or configuration, one of both".into())),
        }
    }
}

/// What was built: `nix build` tells it as JSON in every version, `nix-build` as a line.
fn built_path(said: &str) -> Option<String> {
    if said.starts_with('[') {
        let all: serde_json::Value = serde_json::from_str(said).ok()?;
        return all.get(0)?.get("outputs")?.get("out")?.as_str().map(str::to_owned);
    }
    said.lines().last().map(str::to_owned)
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn is_attribute(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

impl Apply for Nixos {
    fn things(&self, _tools: &Tools) -> Vec<String> {
        vec![format!("profile:{}", profile::SYSTEM)]
    }

    fn prepare<'a>(&'a self, tools: &'a Tools, _id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>> {
        Box::pin(async move {
            let argv = self.build()?;
            let profile = profile::checked(tools, None)?;
            // Before the long build: without a way back there is nothing to build for.
            profile::current(&profile)?;
            let patience = Duration::from_secs(tools.config.now().build_timeout_secs.into());
            let built = output(&argv.iter().map(String::as_str).collect::<Vec<_>>(), patience).await?;
            let path = built_path(&built).ok_or_else(|| ApplyError::Invalid("the build named no path".into()))?;
            let next = profile::valid(tools, &path).await?;
            profile::facts(&profile::way_to(profile, next)?, path)
        })
    }

    fn apply<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(profile::apply(tools, id, facts))
    }

    fn rollback<'a>(
        &'a self,
        tools: &'a Tools,
        id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(profile::rollback(tools, id, facts))
    }

    fn verify<'a>(
        &'a self,
        _tools: &'a Tools,
        _id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(profile::verify(facts)))
    }

    fn was_applied<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, bool> {
        Box::pin(profile::was_applied(tools, id, facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_is_told_by_either_program() {
        let json = r#"[{"drvPath":"/nix/store/a.drv","outputs":{"out":"/nix/store/a"}}]"#;
        assert_eq!(built_path(json).as_deref(), Some("/nix/store/a"));
        assert_eq!(built_path("warning\n/nix/store/b").as_deref(), Some("/nix/store/b"));
        assert_eq!(built_path("[]"), None);
    }

    #[test]
    fn a_flake_becomes_one_build_and_nothing_else_does() {
        let of = |flake: &str| Nixos { flake: Some(flake.into()), configuration: None }.build();
        let argv = of("/etc/nixos#host-1").unwrap();
        assert_eq!(argv[..2], ["nix", "build"]);
        assert_eq!(argv.last().unwrap(), "/etc/nixos#nixosConfigurations.host-1.config.system.build.toplevel");
        for bad in ["/etc/nixos", "#x", "/a#", "--impure#x", "/a b#x", "/a#x;y", "/a#x.y", "/a#x#y", "/a\n#x"] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(Nixos { flake: None, configuration: None }.build().is_err());
        assert!(Nixos { flake: Some("/a#b".into()), configuration: Some("/c".into()) }.build().is_err());
        assert!(Nixos { flake: None, configuration: Some("-I/x".into()) }.build().is_err());
    }
}
