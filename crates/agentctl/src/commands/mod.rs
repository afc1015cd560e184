//! One file a command.

pub(crate) mod app;
pub(crate) mod approvals;
pub(crate) mod approve;
pub(crate) mod backup;
pub(crate) mod call;
pub(crate) mod capability;
mod check_words;
pub(crate) mod completions;
mod deny;
mod doctor;
mod down;
pub(crate) mod egress;
pub(crate) mod events;
mod follow;
mod health;
pub(crate) mod incident;
pub(crate) mod ledger;
pub(crate) mod man_pages;
pub(crate) mod mcp;
pub(crate) mod memory;
pub(crate) mod receipts;
pub(crate) mod safety;
pub(crate) mod sandbox;
pub(crate) mod spec_kit;
mod status;
pub(crate) mod switch;
pub(crate) mod terminal;
mod tools;
pub(crate) mod trace;
pub(crate) mod up;
pub(crate) mod verify_ledger;
pub(crate) mod wallet;
pub(crate) mod watcher;

use crate::{cli::Command, context::Context, exit::Exit, failure::Failure};

/// Runs the command to its end.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    // One thread: there is little to do at once, and threads cost start-up time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::System { what: "no runtime", source })?;
    let result = runtime.block_on(async {
        match command {
            Command::Up(args) => up::run(context, args).await,
            Command::Down(_) => down::run(context).await,
            Command::Status(_) => status::run(context).await,
            Command::Doctor(_) => doctor::run(context).await,
            Command::Health(_) => health::run(context).await,
            Command::Events(args) => events::run(context, args).await,
            Command::Receipts(args) => receipts::run(context, args).await,
            Command::Ledger(args) => ledger::run(context, args).await,
            Command::VerifyLedger(args) => verify_ledger::run(context, args).await,
            Command::Trace(args) => trace::run(context, args).await,
            Command::Approvals(_) => approvals::run(context).await,
            Command::Approve(args) => approve::run(context, args).await,
            Command::Deny(args) => deny::run(context, args).await,
            Command::Incident(args) => incident::run(context, args).await,
            Command::Memory(args) => memory::run(context, args).await,
            Command::Safety(args) => safety::run(context, args).await,
            Command::Backup(args) => backup::run(context, args).await,
            Command::Capability(args) => capability::run(context, args).await,
            Command::Sandbox(args) => sandbox::run(context, args).await,
            Command::App(args) => app::run(context, args).await,
            Command::SpecKit(args) => spec_kit::run(context, args).await,
            Command::Egress(args) => egress::run(context, args).await,
            Command::Terminal(args) => terminal::run(context, args).await,
            Command::Wallet(args) => wallet::run(context, args).await,
            Command::Switch(args) => switch::run(context, args).await,
            Command::Watcher(args) => watcher::run(context, args).await,
            Command::Call(args) => call::run(context, args).await,
            Command::Tools(_) => tools::run(context),
            Command::Mcp(args) => mcp::run(context, args).await,
            Command::Completions(args) => completions::run(context, &args),
            Command::ManPages(args) => man_pages::run(context, &args),
        }
    });
    // A blocked read of standard input must not hold the end up.
    runtime.shutdown_background();
    result
}
