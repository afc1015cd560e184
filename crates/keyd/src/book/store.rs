//! The book on disk. SQLite in WAL; what counts is committed with `synchronous=FULL`.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alloy_primitives::U256;
use jiff::Timestamp;
use osmoda_api::keyd::Decision;
use osmoda_ipc::{Fault, chain};
use rusqlite::{Connection, Row, params};

use super::{Clock, window::Spent};
use crate::policy::{Meaning, Refusal, Verdict};

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    ts INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('counted', 'signed', 'refused', 'refunded')),
    wallet_id TEXT NOT NULL,
    action TEXT NOT NULL,
    receiver TEXT NOT NULL,
    asset TEXT NOT NULL,
    bucket TEXT NOT NULL,
    fee_bucket TEXT NOT NULL,
    amount TEXT NOT NULL,
    fee TEXT NOT NULL,
    rule TEXT NOT NULL,
    why TEXT,
    tx_hash TEXT NOT NULL,
    request_id TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_of_wallet ON decisions (wallet_id, id);
"];

/// The book can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// Its database.
    #[error("the book of decisions can't be kept")]
    Database(#[from] rusqlite::Error),
    /// A row that is no decision.
    #[error("the book of decisions holds an amount that is none, in row {0}")]
    Broken(i64),
}

impl From<BookError> for Fault {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Database(_) | BookError::Broken(_) => Self::unavailable(
                "book_unavailable",
                "decisions can't be written down now, and nothing is signed; check the disk of keyd's state folder",
            )
            .with_private(chain(&error)),
        }
    }
}

/// An act that is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    id: i64,
    at: i64,
}

/// What was decided, and what was spent.
#[derive(Debug)]
pub(crate) struct Book {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Commits are on disk when they return.
    full: Connection,
    /// Commits are soon on disk, and never lost to a crash of keyd alone: for what does not count.
    light: Connection,
    spent: HashMap<(String, String), Spent>,
}

impl Book {
    /// Opens the book and adds up what was spent.
    pub(crate) fn open(path: &Path) -> Result<Self, BookError> {
        let mut full = connect(path, "FULL")?;
        migrate(&mut full)?;
        let light = connect(path, "NORMAL")?;
        let spent = add_up(&full)?;
        let newest: Option<i64> = full.query_row("SELECT MAX(ts) FROM decisions", [], |row| row.get(0))?;
        let inner = Inner { full, light, spent };
        Ok(Self { clock: Clock::start(newest.unwrap_or(0)), inner: Mutex::new(inner) })
    }

    /// Counts an act against the limits of its rule: on disk when this returns, or refused. One at a time, whatever
    /// the number of callers.
    pub(crate) fn count(
        &self,
        act: &Meaning,
        verdict: &Verdict,
        digest: &str,
        request_id: &str,
    ) -> Result<Result<Entry, Refusal>, BookError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.clock.now();
        let (bucket, fee_bucket) = buckets(act);
        for limit in &verdict.limits {
            let (name, amount) = if limit.of_fees { (&fee_bucket, act.fee) } else { (&bucket, counted(act)) };
            let spent = inner.spent.entry((verdict.rule.clone(), name.clone())).or_default().in_span(limit.span, at);
            if spent.checked_add(amount).is_none_or(|sum| sum > limit.most) {
                return Ok(Err(Refusal::Spent {
                    rule: verdict.rule.clone(),
                    span: limit.span,
                    of_fees: limit.of_fees,
                    spent,
                    amount,
                    most: limit.most,
                }));
            }
        }
        let row = Written { at, status: "counted", rule: &verdict.rule, why: None, digest, request_id };
        let id = write(&inner.full, act, &row)?;
        let mut add = |bucket: String, amount| {
            inner.spent.entry((verdict.rule.clone(), bucket)).or_default().add(at, amount);
        };
        add(bucket, counted(act));
        add(fee_bucket, act.fee);
        Ok(Ok(Entry { id, at }))
    }

    /// Notes a refusal.
    pub(crate) fn refuse(
        &self,
        act: &Meaning,
        refusal: &Refusal,
        digest: &str,
        request_id: &str,
    ) -> Result<(), BookError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let why = refusal.to_string();
        let row = Written {
            at: self.clock.now(),
            status: "refused",
            rule: refusal.rule(),
            why: Some(&why),
            digest,
            request_id,
        };
        write(&inner.light, act, &row)?;
        Ok(())
    }

    /// Notes that the signature was made, and under which hash the chain will know it.
    pub(crate) fn signed(&self, entry: Entry, tx_hash: &str) -> Result<(), BookError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut update =
            inner.light.prepare_cached("UPDATE decisions SET status = 'signed', tx_hash = ?2 WHERE id = ?1")?;
        update.execute(params![entry.id, tx_hash])?;
        Ok(())
    }

    /// Takes back the count of an act that was never signed.
    pub(crate) fn refund(&self, act: &Meaning, verdict: &Verdict, entry: Entry) -> Result<(), BookError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = inner.full.execute(
            "UPDATE decisions SET status = 'refunded' WHERE id = ?1 AND status = 'counted'",
            params![entry.id],
        )?;
        if taken == 1 {
            let (bucket, fee_bucket) = buckets(act);
            for (bucket, amount) in [(bucket, counted(act)), (fee_bucket, act.fee)] {
                inner.spent.entry((verdict.rule.clone(), bucket)).or_default().take_back(entry.at, amount);
            }
        }
        Ok(())
    }

    /// Decisions, newest first.
    pub(crate) fn receipts(&self, wallet_id: Option<&str>, limit: u32) -> Result<Vec<Decision>, BookError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut select = inner
            .light
            .prepare_cached("SELECT * FROM decisions WHERE ?1 IS NULL OR wallet_id = ?1 ORDER BY id DESC LIMIT ?2")?;
        let rows = select.query_map(params![wallet_id, limit], decision)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// What is written of an act beside its meaning.
struct Written<'a> {
    at: i64,
    status: &'a str,
    rule: &'a str,
    why: Option<&'a str>,
    digest: &'a str,
    request_id: &'a str,
}

fn write(connection: &Connection, act: &Meaning, row: &Written<'_>) -> rusqlite::Result<i64> {
    let (bucket, fee_bucket) = buckets(act);
    let mut insert = connection.prepare_cached(
        "INSERT INTO decisions (ts, status, wallet_id, action, receiver, asset, bucket, fee_bucket, amount, fee, rule, why, tx_hash, request_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    insert.insert(params![
        row.at,
        row.status,
        act.wallet_id,
        act.action.as_str(),
        act.to.as_deref().unwrap_or_default(),
        act.asset.as_str(),
        bucket,
        fee_bucket,
        if act.unlimited { "unlimited".to_owned() } else { act.amount.to_string() },
        act.fee.to_string(),
        row.rule,
        row.why,
        row.digest,
        row.request_id
    ])
}

/// What is counted of an act: nothing of what can't be counted, which only a rule that says so lets through.
fn counted(act: &Meaning) -> U256 {
    if act.unlimited { U256::ZERO } else { act.amount }
}

/// Under which names amounts and fees are added up.
fn buckets(act: &Meaning) -> (String, String) {
    let chain = format!("{}:{}", act.chain.as_str(), act.chain_id.unwrap_or(0));
    (format!("{chain}:{}", act.asset.as_str()), format!("{chain}:fee"))
}

fn connect(path: &Path, synchronous: &str) -> rusqlite::Result<Connection> {
    osmoda_ipc::daemon::keep_private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (from, migration) in (0_u32..).zip(MIGRATIONS).skip(version as usize) {
        let step = connection.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", from + 1)?;
        step.commit()?;
    }
    Ok(())
}

/// Everything that was counted and not taken back, whether its signature was made or a crash came first.
fn add_up(connection: &Connection) -> Result<HashMap<(String, String), Spent>, BookError> {
    let mut spent: HashMap<(String, String), Spent> = HashMap::new();
    let mut select = connection.prepare(
        "SELECT id, ts, rule, bucket, fee_bucket, amount, fee FROM decisions WHERE status IN ('counted', 'signed') ORDER BY id",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let rule: String = row.get(2)?;
        for (bucket, amount) in [(3, 5), (4, 6)] {
            let text: String = row.get(amount)?;
            let amount = match text.as_str() {
                "unlimited" => U256::ZERO,
                number => U256::from_str_radix(number, 10).map_err(|_| BookError::Broken(id))?,
            };
            spent.entry((rule.clone(), row.get(bucket)?)).or_default().add(at, amount);
        }
    }
    Ok(spent)
}

fn decision(row: &Row<'_>) -> rusqlite::Result<Decision> {
    let at: i64 = row.get("ts")?;
    let status: String = row.get("status")?;
    Ok(Decision {
        ts: Timestamp::from_millisecond(at).map(|ts| ts.to_string()).unwrap_or_default(),
        wallet_id: row.get("wallet_id")?,
        action: row.get("action")?,
        tx_hash: row.get("tx_hash")?,
        amount: row.get("amount")?,
        to: row.get("receiver")?,
        decision: match status.as_str() {
            "signed" | "refused" => status,
            _ => "unsigned".to_owned(),
        },
        rule: row.get("rule")?,
        asset: row.get("asset")?,
        why: row.get("why")?,
        request_id: row.get("request_id")?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use osmoda_api::keyd::Chain;

    use super::*;
    use crate::policy::{Action, Asset, Limit, Span};

    fn act(amount: u64) -> Meaning {
        Meaning {
            action: Action::Transfer,
            chain: Chain::Ethereum,
            chain_id: Some(1),
            wallet_id: "wal_1".into(),
            wallet_address: "0x1".into(),
            to: Some("0x2".into()),
            asset: Asset::Native,
            amount: U256::from(amount),
            fee: U256::from(1),
            call: None,
            typed: None,
            unlimited: false,
        }
    }

    fn verdict(most: u64, fees: u64) -> Verdict {
        let limit = |most: u64, of_fees| Limit { span: Span::Day, most: U256::from(most), of_fees };
        Verdict { rule: "r".into(), limits: vec![limit(most, false), limit(fees, true)], approval: None }
    }

    fn count(book: &Book, amount: u64, most: u64) -> Result<Entry, Refusal> {
        book.count(&act(amount), &verdict(most, 1000), "digest", "req").unwrap()
    }

    #[test]
    fn of_64_callers_at_once_no_more_pass_than_the_limit_holds() {
        let folder = tempfile::tempdir().unwrap();
        let book = Arc::new(Book::open(&folder.path().join("book.db")).unwrap());
        let callers: Vec<_> = (0..64)
            .map(|_| {
                let book = book.clone();
                std::thread::spawn(move || (0..4).filter(|_| count(&book, 10, 105).is_ok()).count())
            })
            .collect();
        assert_eq!(callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>(), 10);
    }

    #[test]
    fn what_was_counted_stays_counted_and_what_was_taken_back_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.db");
        let book = Book::open(&path).unwrap();
        let first = count(&book, 60, 100).unwrap();
        let second = count(&book, 40, 100).unwrap();
        assert!(count(&book, 1, 100).is_err());
        book.signed(first, "0xhash").unwrap();
        drop(book);
        let book = Book::open(&path).unwrap();
        assert!(count(&book, 1, 100).is_err(), "a count without a signature is one all the same");
        let (act, verdict) = (act(40), verdict(100, 1000));
        book.refund(&act, &verdict, second).unwrap();
        book.refund(&act, &verdict, second).unwrap();
        book.refund(&self::act(60), &verdict, first).unwrap();
        assert!(count(&book, 41, 100).is_err(), "once taken back, and what was signed never");
        assert!(count(&book, 40, 100).is_ok());
        let receipts = book.receipts(Some("wal_1"), 10).unwrap();
        let short: Vec<_> =
            receipts.iter().map(|r| (r.amount.as_str(), r.decision.as_str(), r.tx_hash.as_str())).collect();
        assert_eq!(short, [("40", "unsigned", "digest"), ("40", "unsigned", "digest"), ("60", "signed", "0xhash")]);
        assert!(book.receipts(Some("wal_2"), 10).unwrap().is_empty());
    }

    #[test]
    fn a_day_does_not_begin_anew_with_a_clock_that_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.db");
        let book = Book::open(&path).unwrap();
        count(&book, 60, 100).unwrap();
        // As it is found where the system's clock was set back by two days while nobody looked.
        let later = 2 * 24 * 3_600_000;
        book.inner.lock().unwrap().full.execute("UPDATE decisions SET ts = ts + ?1", [later]).unwrap();
        drop(book);
        let book = Book::open(&path).unwrap();
        assert!(count(&book, 41, 100).is_err());
        assert!(count(&book, 40, 100).is_ok());
    }

    #[test]
    fn fees_are_spent_as_well_and_sums_do_not_overflow() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::open(&folder.path().join("book.db")).unwrap();
        let try_fee = || book.count(&act(0), &verdict(100, 2), "", "").unwrap();
        assert!(try_fee().is_ok() && try_fee().is_ok());
        assert!(matches!(try_fee(), Err(Refusal::Spent { of_fees: true, .. })));
        let huge = Meaning { amount: U256::MAX, ..act(0) };
        count(&book, 1, 100).unwrap();
        assert!(matches!(book.count(&huge, &verdict(100, 1000), "", "").unwrap(), Err(Refusal::Spent { .. })));
    }
}
