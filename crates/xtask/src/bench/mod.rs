//! `cargo xtask bench`: what the suite promises of its speed, each promise against a peer on the same machine in the same
//! run. Ours and the peer take turns in short rounds, so that what else the machine does meets both.

mod backup;
mod booted;
mod egress;
mod hop;
mod ledger;
mod mcp;
mod row;
mod sample;
mod sandbox;
mod sign;
mod status;
mod stream;
mod suite;
mod tools;
mod watch;

use self::row::Row;
use crate::Failure;

/// A promise's name, and what measures it.
type Bench = (&'static str, fn() -> Result<Vec<Row>, Failure>);

const BENCHES: &[Bench] = &[
    ("hop", hop::run),
    ("append", ledger::append::run),
    ("verify", ledger::verify::run),
    ("journal", ledger::journal::run),
    ("proof", ledger::proof::run),
    ("stream", stream::run),
    ("backup", backup::run),
    ("mcp", mcp::run),
    ("sandbox", sandbox::run),
    ("sign", sign::run),
    ("status", status::run),
    ("tools", tools::run),
    ("egress", egress::run),
    ("watch", watch::run),
];

/// Measures these promises, or all of them, and prints a row for each. The complaints are those that do not hold.
pub(crate) fn run(arguments: &[&str]) -> Result<Vec<String>, Failure> {
    let as_json = arguments.contains(&"--json");
    let names: Vec<&str> = arguments.iter().copied().filter(|argument| *argument != "--json").collect();
    if names == [status::BOOTED] {
        return status::run_booted().map(|()| Vec::new());
    }
    if names == [watch::BOOTED] {
        return watch::run_booted().map(|()| Vec::new());
    }
    if names == [ledger::journal::BOOTED] {
        return ledger::journal::run_booted().map(|()| Vec::new());
    }
    if let Some(unknown) = names.iter().find(|name| !BENCHES.iter().any(|(known, _)| known == *name)) {
        let known: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        return Err(Failure::bench(format!("there is no bench {unknown}; there are: {}", known.join(", "))));
    }
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for (name, bench) in BENCHES {
        if names.is_empty() || names.contains(name) {
            eprintln!("==> {name}");
            match bench() {
                Ok(measured) => {
                    if as_json {
                        measured.iter().for_each(|row| println!("{}", row.json()));
                    }
                    rows.extend(measured);
                }
                // What the others measured is not lost with it.
                Err(failure) => broken.push(format!("{name} broke off: {failure}")),
            }
        }
    }
    if !as_json {
        print!("{}", row::table(&rows));
    }
    Ok(rows.iter().filter(|row| !row.holds()).map(Row::complaint).chain(broken).collect())
}
