//! `agentctl wallet`: keys, and what only an operator may do with them.

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use osmoda_api::keyd::{
    Chain, Secret, Wallet, WalletCreate, WalletCreateRequest, WalletDelete, WalletDeleteRequest, WalletExport,
    WalletExportRequest, WalletImport, WalletImportRequest, WalletList, WalletNew, WalletNewRequest, WalletReceipt,
    WalletReceiptRequest, WalletReceipts,
};
use osmoda_ipc::{Endpoint, Nothing};

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, Table},
};

/// The longest secret that is read, in bytes.
const LONGEST: u64 = 8192;

#[derive(Debug, Args)]
pub(crate) struct Wallets {
    #[command(subcommand)]
    act: WalletAct,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
enum WalletAct {
    /// Every wallet, by its address.
    List,
    /// Make a key that never leaves keyd.
    Create(NewWallet),
    /// Make a key with a BIP-39 phrase, which is shown now and never again.
    New(NewWallet),
    /// Bring in a key: a phrase, a bare key or an exported file, from a file or standard input.
    Import {
        #[command(flatten)]
        wallet: NewWallet,
        /// The file that holds it; standard input by default.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// The file that holds an exported file's passphrase; asked for where there is a terminal.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Take a key out into a new file, encrypted under a passphrase.
    Export {
        /// The wallet's id.
        id: String,
        /// The file to make.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// The file that holds the passphrase; asked for where there is a terminal.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Overwrite and remove a key for good.
    Delete {
        /// The wallet's id, whole.
        id: String,
    },
    /// What was signed or refused, and by which rule.
    Receipts {
        /// Only of this wallet.
        id: Option<String>,
        /// The newest so many; 50 by default.
        #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
}

#[derive(Debug, Args)]
struct NewWallet {
    /// The kind of chain.
    chain: ChainName,
    /// A name for people.
    #[arg(long)]
    label: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChainName {
    Ethereum,
    Solana,
}

impl From<ChainName> for Chain {
    fn from(name: ChainName) -> Self {
        match name {
            ChainName::Ethereum => Self::Ethereum,
            ChainName::Solana => Self::Solana,
        }
    }
}

pub(crate) async fn run(context: &Context, args: Wallets) -> Result<Exit, Failure> {
    match args.act {
        WalletAct::List => {
            let all = keyd::<WalletList>(context, &Nothing {}).await?;
            show(context, &all, || table(&all.wallets))?;
        }
        WalletAct::Create(NewWallet { chain, label }) => {
            let request = WalletCreateRequest { chain: chain.into(), label, approval_id: None };
            let wallet = keyd::<WalletCreate>(context, &request).await?;
            show(context, &wallet, || table(std::slice::from_ref(&wallet)))?;
        }
        WalletAct::New(NewWallet { chain, label }) => {
            let made = keyd::<WalletNew>(context, &WalletNewRequest { chain: chain.into(), label }).await?;
            show(context, &made, || table(std::slice::from_ref(&made.wallet)))?;
            if !context.output.is_json() {
                context.output.line(&made.phrase.0)?;
                context.output.remark("write these words down now: they are the key, and nobody can show them again");
            }
        }
        WalletAct::Import { wallet: NewWallet { chain, label }, from, passphrase_file } => {
            let secret = secret_from(from.as_deref(), "the phrase, the key or the file: ")?;
            let passphrase = match (secret.trim_start().starts_with('{'), passphrase_file) {
                (true, file) => Some(Secret(passphrase(file.as_deref(), from.is_some())?)),
                (false, _) => None,
            };
            let request = WalletImportRequest { chain: chain.into(), label, secret: Secret(secret), passphrase };
            let wallet = keyd::<WalletImport>(context, &request).await?;
            show(context, &wallet, || table(std::slice::from_ref(&wallet)))?;
        }
        WalletAct::Export { id, to, passphrase_file } => {
            let passphrase = Secret(passphrase(passphrase_file.as_deref(), true)?);
            // Before the key is asked for: it is not taken out to be thrown away.
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to);
            let mut file = file.map_err(|source| Failure::System { what: "the file can't be made", source })?;
            let exported = keyd::<WalletExport>(context, &WalletExportRequest { wallet_id: id, passphrase }).await;
            let exported = exported.inspect_err(|_| drop(std::fs::remove_file(&to)))?;
            let written = file.write_all(exported.file.as_bytes()).and_then(|()| file.sync_all());
            written.map_err(|source| Failure::System { what: "the file can't be written", source })?;
            context.output.remark(&format!("written to {}", to.display()));
        }
        WalletAct::Delete { id } => {
            let deleted =
                keyd::<WalletDelete>(context, &WalletDeleteRequest { wallet_id: id, approval_id: None }).await?;
            if context.output.is_json() {
                context.output.json(&deleted)?;
            } else {
                context.output.line(&format!("{} is gone", deleted.deleted))?;
            }
        }
        WalletAct::Receipts { id, limit } => {
            let request = WalletReceiptRequest { wallet_id: id, limit };
            let receipts = keyd::<WalletReceipt>(context, &request).await?;
            show(context, &receipts, || decisions(&receipts))?;
        }
    }
    Ok(Exit::Fine)
}

async fn keyd<E: Endpoint>(context: &Context, request: &E::Request) -> Result<E::Response, Failure> {
    context.call::<E>(&context.client("keyd")?, request).await
}

fn show<T: serde::Serialize>(context: &Context, value: &T, table: impl FnOnce() -> Table) -> Result<(), Failure> {
    if context.output.is_json() { context.output.json(value) } else { context.output.table(&table()) }
}

fn table(wallets: &[Wallet]) -> Table {
    let mut table = Table::new(&["ID", "CHAIN", "ADDRESS", "CREATED", "LABEL"]);
    for wallet in wallets {
        table.row([
            wallet.id.as_str().into(),
            wallet.chain.as_str().into(),
            wallet.address.as_str().into(),
            wallet.created_at.as_str().into(),
            wallet.label.as_str().into(),
        ]);
    }
    table
}

/// The newest at the bottom, next to the prompt.
fn decisions(receipts: &WalletReceipts) -> Table {
    let mut table = Table::new(&["TIME", "DECISION", "RULE", "ACTION", "AMOUNT", "ASSET", "TO", "HASH"]);
    for one in receipts.receipts.iter().rev() {
        let style = match one.decision.as_str() {
            "signed" => GOOD,
            "refused" => BAD,
            _ => CARE,
        };
        let text = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        table.row([
            one.ts.as_str().into(),
            Cell::styled(style, &one.decision),
            text(&one.rule).into(),
            one.action.as_str().into(),
            one.amount.as_str().into(),
            one.asset.as_str().into(),
            text(&one.to).into(),
            text(&one.tx_hash).into(),
        ]);
    }
    table
}

/// Text from a file, or from standard input; never from the command line, which every process can read.
fn secret_from(file: Option<&Path>, prompt: &str) -> Result<String, Failure> {
    if let Some(path) = file {
        let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)).map_err(unreadable)?;
        return Ok(text.trim().to_owned());
    }
    let system = |source| Failure::System { what: "standard input can't be read", source };
    let stdin = io::stdin();
    let mut text = String::new();
    if !stdin.is_terminal() {
        stdin.lock().take(LONGEST).read_to_string(&mut text).map_err(system)?;
        return Ok(text.trim().to_owned());
    }
    let shown = tcgetattr(&stdin).map_err(|error| system(error.into()))?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    let _ = write!(io::stderr(), "{prompt}");
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden).map_err(|error| system(error.into()))?;
    let read = stdin.read_line(&mut text);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown).map_err(|error| system(error.into()))?;
    let _ = writeln!(io::stderr());
    read.map_err(system)?;
    Ok(text.trim().to_owned())
}

/// A passphrase from its file, or asked for where standard input is free for it.
fn passphrase(file: Option<&Path>, stdin_is_free: bool) -> Result<String, Failure> {
    if file.is_none() && !(stdin_is_free || io::stdin().is_terminal()) {
        return Err(Failure::Usage("the passphrase needs --passphrase-file, or a terminal to ask at".into()));
    }
    let text = secret_from(file, "passphrase: ")?;
    if text.is_empty() { Err(Failure::Usage("the passphrase is empty".into())) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use osmoda_api::keyd::Decision;

    use super::*;

    #[test]
    fn a_decision_is_one_line_with_its_rule() {
        let one = |decision: &str, rule: &str| Decision {
            ts: "2026-01-02T03:04:05Z".into(),
            wallet_id: "wal_1".into(),
            action: "transfer".into(),
            tx_hash: "0xab".into(),
            amount: "5".into(),
            to: "0x12".into(),
            decision: decision.into(),
            rule: rule.into(),
            asset: "native".into(),
            why: None,
            request_id: "req_1".into(),
        };
        let receipts = WalletReceipts { receipts: vec![one("refused", ""), one("signed", "small")] };
        let expected = "TIME                  DECISION  RULE   ACTION    AMOUNT  ASSET   TO    HASH\n\
                        2026-01-02T03:04:05Z  signed    small  transfer  5       native  0x12  0xab\n\
                        2026-01-02T03:04:05Z  refused   -      transfer  5       native  0x12  0xab\n";
        assert_eq!(decisions(&receipts).render(None, false), expected);
    }
}
