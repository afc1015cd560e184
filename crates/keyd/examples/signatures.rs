//! Signs by keyd's own path, and by the bare libraries beneath it, as it is told on standard input, and says how long it
//! took: what the benches of keyd's speed are made of.
//!
//!     signatures FOLDER
//!
//! A line in: `WHAT CALLERS COUNT`, where each of so many callers does it so often. A line out: microseconds of the wall
//! clock and of the processor an operation, and the median of one. WHAT is `erc20`, `k256`, `solana`, `ed25519`, `counted`
//! or `commit`.

use std::{
    alloc::System,
    error::Error,
    fs,
    io::{BufRead, Write},
    path::Path,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use ed25519_dalek::{Signer, SigningKey as SolanaKey};
use k256::ecdsa::{SigningKey, signature::hazmat::PrehashSigner};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use osmoda_api::keyd::{BuildTxRequest, Chain, ChainParams, TxType};
use osmoda_keyd::SigningPath;
use rusqlite::Connection;
use zeroizing_alloc::ZeroAlloc;

/// As the daemon has it.
#[global_allocator]
static WIPING: ZeroAlloc<System> = ZeroAlloc(System);

type Failure = Box<dyn Error + Send + Sync>;

const TOKEN: &str = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
const FRIEND: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const SOLANA_FRIEND: &str = "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM";
const BLOCKHASH: &str = "EkSnNWid2cvwEVnVx9aBqawnmiCNiDgp3gUdkDPTKN1N";
/// A rule of each kind before the one that matches.
const POLICY: &str = r#"
[[tokens]]
symbol = "USDC"
chain = "ethereum"
chain_id = 8453
address = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
decimals = 6

[[rules]]
name = "coin"
chain = "ethereum"
chain_ids = [8453]
actions = ["transfer"]
max_per_day = "1.0"

[[rules]]
name = "token"
chain = "ethereum"
chain_ids = [1, 8453]
actions = ["erc20_transfer", "x402_authorization"]
tokens = ["USDC"]
to = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
max_per_act = "10.0"
max_total = "1000000000.0"
max_fees_per_day = "1000000000.0"

[[rules]]
name = "sol"
chain = "solana"
actions = ["transfer"]
max_total = "1000000000.0"
"#;

struct Bench {
    path: SigningPath,
    erc20: BuildTxRequest,
    solana: BuildTxRequest,
    bare: SigningKey,
    bare_solana: SolanaKey,
    plain: Mutex<Connection>,
}

impl Bench {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let path = SigningPath::open(folder, POLICY)?;
        let request = |chain: Chain, kind, to: &str, params| {
            Ok::<_, Failure>(BuildTxRequest {
                wallet_id: path.wallet(chain)?,
                chain: chain.as_str().into(),
                tx_type: Some(kind),
                to: to.into(),
                amount: "1.25".into(),
                chain_params: Some(params),
                approval_id: None,
            })
        };
        let params = ChainParams {
            chain_id: Some(8453),
            nonce: Some(7),
            gas_limit: Some(100_000),
            max_fee_per_gas: Some("3000000000".into()),
            max_priority_fee_per_gas: Some("1000000000".into()),
            token: Some(TOKEN.into()),
            ..Default::default()
        };
        let erc20 = request(Chain::Ethereum, TxType::Erc20Transfer, FRIEND, params)?;
        let params = ChainParams { recent_blockhash: Some(BLOCKHASH.into()), ..Default::default() };
        let solana = request(Chain::Solana, TxType::Transfer, SOLANA_FRIEND, params)?;
        // The least that a durable row can be.
        let plain = Connection::open(folder.join("plain.db"))?;
        plain.pragma_update(None, "journal_mode", "WAL")?;
        plain.pragma_update(None, "synchronous", "FULL")?;
        plain.execute_batch("CREATE TABLE spent (id INTEGER PRIMARY KEY, ts INTEGER NOT NULL, what TEXT NOT NULL, amount TEXT NOT NULL) STRICT")?;
        let (bare, bare_solana) = (SigningKey::from_slice(&[7; 32])?, SolanaKey::from_bytes(&[7; 32]));
        Ok(Self { path, erc20, solana, bare, bare_solana, plain: Mutex::new(plain) })
    }

    fn once(&self, what: &str) -> Result<(), Failure> {
        match what {
            "erc20" => drop(self.path.sign(&self.erc20)?),
            "counted" => drop(self.path.sign_counted(&self.erc20)?),
            "solana" => drop(self.path.sign(&self.solana)?),
            "k256" => {
                let signature: k256::ecdsa::Signature = self.bare.sign_prehash(&[9; 32])?;
                std::hint::black_box(signature);
            }
            "ed25519" => {
                // As long as the transfer's message.
                std::hint::black_box(self.bare_solana.sign(&[9; 150]));
            }
            "commit" => {
                let plain = self.plain.lock().map_err(|_| "a caller before this one failed")?;
                let mut insert = plain.prepare_cached("INSERT INTO spent (ts, what, amount) VALUES (?1, ?2, ?3)")?;
                insert.execute((1_i64, "token", "1250000"))?;
            }
            other => return Err(format!("there is no {other}").into()),
        }
        Ok(())
    }

    /// Microseconds an operation: by the wall clock, by the processor's, and the median of the first caller's.
    fn measure(&self, what: &str, callers: usize, count: usize) -> Result<[f64; 3], Failure> {
        let before = used()?;
        let started = Instant::now();
        let medians: Result<Vec<f64>, Failure> = thread::scope(|scope| {
            let running: Vec<_> = (0..callers)
                .map(|_| {
                    scope.spawn(|| {
                        let mut times = Vec::with_capacity(count);
                        for _ in 0..count {
                            let started = Instant::now();
                            self.once(what)?;
                            times.push(started.elapsed().as_secs_f64() * 1e6);
                        }
                        times.sort_by(f64::total_cmp);
                        Ok(times[count / 2])
                    })
                })
                .collect();
            running.into_iter().map(|caller| caller.join().map_err(|_| "a caller failed")?).collect()
        });
        let all = (callers * count) as f64;
        let wall = started.elapsed().as_secs_f64() * 1e6 / all;
        let cpu = used()?.saturating_sub(before).as_secs_f64() * 1e6 / all;
        Ok([wall, cpu, medians?.first().copied().unwrap_or_default()])
    }
}

/// The processor's time of this process.
fn used() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

fn main() -> Result<(), Failure> {
    let folder = std::env::args_os().nth(1).ok_or("signatures FOLDER")?;
    fs::create_dir_all(&folder)?;
    let bench = Bench::open(Path::new(&folder))?;
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let [what, callers, count] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err("WHAT CALLERS COUNT".into());
        };
        let [wall, cpu, median] = bench.measure(what, callers.parse()?, count.parse()?)?;
        writeln!(out, "{wall} {cpu} {median}")?;
        out.flush()?;
    }
    Ok(())
}
