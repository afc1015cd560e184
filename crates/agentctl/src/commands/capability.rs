//! `agentctl capability`: what sandboxed code may do. A token's text comes from standard input, never from an argument.

use std::io::{self, Read};

use clap::{Args, Subcommand};
use osmoda_api::agentd::{
    Capability, CapabilityKey, CapabilityLimits, CapabilityList, CapabilityListRequest, CapabilityMint,
    CapabilityMintRequest, CapabilityMinted, CapabilityNarrow, CapabilityNarrowRequest, CapabilityRevoke,
    CapabilityRevokeRequest, CapabilityVerify, CapabilityVerifyRequest, TokenText,
};
use osmoda_ipc::Nothing;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, Table, visible},
};

/// The longest token that is read, in bytes.
const LONGEST: u64 = 16_384;

#[derive(Debug, Args)]
pub(crate) struct CapabilityArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Give a token; prints it, and nobody can show it again.
    Mint(Grant),
    /// Make a narrower token from the one on standard input.
    Narrow(Grant),
    /// Whether the token on standard input is genuine and holds now.
    Verify,
    /// Take a token back, with every narrower one made from it; what they allowed ends within a second.
    Revoke {
        /// The token's name, cap_...
        id: String,
    },
    /// The tokens that hold, the newest at the bottom.
    List {
        /// Those that have expired or were revoked as well.
        #[arg(long)]
        all: bool,
        /// At most so many; 100 by default.
        #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
    /// The public key by which any program checks tokens offline.
    Key,
}

#[derive(Debug, Args)]
struct Grant {
    /// Whom it is for, such as the name of a task.
    holder: String,
    /// fs.read:/path, fs.write:/path, exec:/path, net:host, net:host:port, net:*.host.
    #[arg(required = true, value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// Seconds until it expires; an hour by default, or as long as the token that is narrowed.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    ttl: Option<u64>,
    /// Connections open at a time.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Bytes in both directions over its whole life.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    bytes: Option<u64>,
    /// Bytes a second in both directions.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
}

impl Grant {
    fn limits(&self) -> Option<CapabilityLimits> {
        let limits = CapabilityLimits { connections: self.connections, bytes: self.bytes, bytes_per_sec: self.rate };
        (limits != CapabilityLimits::default()).then_some(limits)
    }
}

pub(crate) async fn run(context: &Context, args: CapabilityArgs) -> Result<Exit, Failure> {
    let output = &context.output;
    match args.act {
        Act::Mint(grant) => {
            let limits = grant.limits();
            let Grant { holder: granted_to, permissions, ttl: ttl_secs, .. } = grant;
            let request = CapabilityMintRequest { granted_to, permissions, ttl_secs, limits, approval_id: None };
            given(context, &context.agentd::<CapabilityMint>(&request).await?)
        }
        Act::Narrow(grant) => {
            let (limits, token) = (grant.limits(), token()?);
            let Grant { holder: granted_to, permissions, ttl: ttl_secs, .. } = grant;
            let request = CapabilityNarrowRequest { token, granted_to, permissions, ttl_secs, limits };
            given(context, &context.agentd::<CapabilityNarrow>(&request).await?)
        }
        Act::Verify => {
            let verdict = context.agentd::<CapabilityVerify>(&CapabilityVerifyRequest { token: token()? }).await?;
            if output.is_json() {
                output.json(&verdict)?;
            } else {
                match &verdict.capability {
                    Some(said) => output.table(&table(std::slice::from_ref(said)))?,
                    None => output.line(verdict.why.as_deref().unwrap_or("this is no token"))?,
                }
            }
            Ok(if verdict.valid { Exit::Fine } else { Exit::Failed })
        }
        Act::Revoke { id } => {
            let taken = context.agentd::<CapabilityRevoke>(&CapabilityRevokeRequest { id }).await?;
            if output.is_json() {
                output.json(&taken)?;
            } else {
                let below = taken.also.len();
                output
                    .line(&format!("{} permits nothing any more, nor do {below} made from it", visible(&taken.id)))?;
            }
            Ok(Exit::Fine)
        }
        Act::List { all, limit } => {
            let request = CapabilityListRequest { all: Some(all), limit };
            let listed = context.agentd::<CapabilityList>(&request).await?;
            if output.is_json() {
                output.json(&listed)?;
            } else {
                let oldest_first: Vec<Capability> = listed.capabilities.into_iter().rev().collect();
                output.table(&table(&oldest_first))?;
            }
            Ok(Exit::Fine)
        }
        Act::Key => {
            let key = context.agentd::<CapabilityKey>(&Nothing {}).await?;
            if output.is_json() {
                output.json(&key)?;
            } else {
                output.line(&key.key)?;
            }
            Ok(Exit::Fine)
        }
    }
}

/// The token alone on standard output, for a pipe; what a person wants to know beside it.
fn given(context: &Context, minted: &CapabilityMinted) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(minted)?;
    } else {
        context.output.line(&minted.token.0)?;
        context.output.remark(&format!(
            "{} permits {} until {}; take it back with: agentctl capability revoke {0}",
            visible(&minted.id),
            visible(&minted.permissions.join(" ")),
            minted.expires_at
        ));
    }
    Ok(Exit::Fine)
}

/// From standard input: an argument could be read by every process of the machine.
fn token() -> Result<TokenText, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST).read_to_string(&mut text);
    read.map_err(|source| Failure::System { what: "standard input can't be read", source })?;
    Ok(TokenText(text.trim().to_owned()))
}

fn table(capabilities: &[Capability]) -> Table {
    let mut table = Table::new(&["ID", "STATUS", "HOLDER", "EXPIRES", "PERMISSIONS"]);
    for one in capabilities {
        let style = match one.status.as_str() {
            "active" => GOOD,
            "revoked" => BAD,
            _ => CARE,
        };
        table.row([
            one.id.as_str().into(),
            Cell::styled(style, &one.status),
            one.holder.as_str().into(),
            one.expires_at.as_str().into(),
            one.permissions.join(" ").into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_with_what_it_permits_and_how_it_stands() {
        let one = |id: &str, status: &str| Capability {
            id: id.into(),
            holder: "build".into(),
            permissions: vec!["net:example.org".into(), "fs.read:/srv".into()],
            limits: CapabilityLimits::default(),
            issued_at: "2026-01-02T03:04:05Z".into(),
            expires_at: "2026-01-02T04:04:05Z".into(),
            parents: vec![],
            status: status.into(),
            minted_by: None,
            revoked_at: None,
            revoked_by: None,
        };
        let expected = "ID     STATUS   HOLDER  EXPIRES               PERMISSIONS\n\
                        cap_1  active   build   2026-01-02T04:04:05Z  net:example.org fs.read:/srv\n\
                        cap_2  revoked  build   2026-01-02T04:04:05Z  net:example.org fs.read:/srv\n";
        assert_eq!(table(&[one("cap_1", "active"), one("cap_2", "revoked")]).render(None, false), expected);
    }
}
