//! No crash forgets a spend, no race overspends, nothing is signed without a record, and no key stays in memory.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    time::Duration,
};

use common::{KEY, OTHER, POLICY, Suite, chain_params, fault};
use osmoda_api::keyd::{
    KeydHealth, Secret, WalletExport, WalletExportRequest, WalletSend, WalletSendRequest, WalletSign, WalletSignRequest,
};
use osmoda_ipc::Nothing;
use tokio::task::JoinSet;

fn send(wallet_id: &str, amount: u64, nonce: u64) -> WalletSendRequest {
    WalletSendRequest {
        wallet_id: wallet_id.into(),
        to: OTHER.into(),
        amount: amount.to_string(),
        chain_params: Some(chain_params(nonce)),
        approval_id: None,
    }
}

#[tokio::test]
async fn of_64_callers_at_once_the_limit_lets_ten_through() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let mut callers = JoinSet::new();
    for nonce in 0..64 {
        let (operator, request) = (suite.operator(), send(&wallet.id, 100, nonce));
        callers.spawn(async move { operator.call::<WalletSend>(&request).await.is_ok() });
    }
    assert_eq!(callers.join_all().await.into_iter().filter(|sent| *sent).count(), 10);
}

#[tokio::test]
async fn killed_at_any_moment_it_never_signs_more_than_the_limit() {
    let mut suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let mut signed = 0;
    for round in 0..12 {
        let mut callers = JoinSet::new();
        for nonce in 0..8 {
            let (operator, request) = (suite.operator(), send(&wallet.id, 20, round * 8 + nonce));
            callers.spawn(async move { operator.call::<WalletSend>(&request).await.is_ok() });
        }
        tokio::time::sleep(Duration::from_micros(700 * round)).await;
        suite.crash_keyd().await;
        signed += callers.join_all().await.into_iter().filter(|sent| *sent).count();
    }
    // What is left is spent to the end: all signatures that ever left, and those that a crash cut off, are counted.
    for nonce in 0..60 {
        signed += usize::from(suite.operator().call::<WalletSend>(&send(&wallet.id, 20, 1000 + nonce)).await.is_ok());
    }
    let counted = suite.receipts().await.receipts.iter().filter(|r| r.decision != "refused").count();
    assert!(signed <= 50, "{signed} signatures of 20 left, and 1000 is the limit");
    assert_eq!(counted, 50, "every act that may have been signed is counted, and the limit is used up");
}

#[tokio::test]
async fn while_agentd_is_away_nothing_is_signed_and_refusals_arrive_later_in_order() {
    let mut suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    suite.stop_agentd();
    for client in [suite.operator(), suite.agent()] {
        assert_eq!(fault::<WalletSend>(&client, &send(&wallet.id, 1, 0)).await.code(), "ledger_unavailable");
    }
    for amount in 101..105 {
        assert_eq!(fault::<WalletSend>(&suite.operator(), &send(&wallet.id, amount, 0)).await.code(), "policy_limit");
    }
    let waiting = suite.operator().call::<KeydHealth>(&Nothing {}).await.unwrap().events_waiting;
    assert_eq!(waiting, 4);
    // The outbox outlives its process.
    suite.crash_keyd().await;
    suite.start_agentd().await;
    suite.operator().call::<WalletSend>(&send(&wallet.id, 1, 0)).await.unwrap();
    let decisions = suite.events("wallet.decision").await;
    let amounts: Vec<_> =
        decisions.iter().map(|e| e.payload["meaning"]["amount"].as_str().unwrap().to_owned()).collect();
    assert_eq!(amounts, ["101", "102", "103", "104", "1"]);
    let spent: Vec<_> = suite.receipts().await.receipts.into_iter().filter(|r| r.decision == "signed").collect();
    assert_eq!(spent.len(), 1);
}

/// Every readable byte of a process.
fn memory(pid: u32) -> Vec<Vec<u8>> {
    let maps = BufReader::new(File::open(format!("/proc/{pid}/maps")).unwrap());
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut regions = Vec::new();
    for line in maps.lines() {
        let line = line.unwrap();
        let mut fields = line.split(' ');
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            regions.push(bytes);
        }
    }
    regions
}

fn holds(regions: &[Vec<u8>], wanted: &[u8]) -> bool {
    regions.iter().any(|region| region.windows(wanted.len()).any(|window| window == wanted))
}

#[tokio::test]
async fn after_use_the_memory_of_the_process_holds_no_byte_of_a_key() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let mut callers = JoinSet::new();
    for nonce in 0..8 {
        let (operator, request) = (suite.operator(), send(&wallet.id, 1, nonce));
        callers.spawn(async move { operator.call::<WalletSend>(&request).await.map(drop) });
    }
    for result in callers.join_all().await {
        result.unwrap();
    }
    let sign = WalletSignRequest { wallet_id: wallet.id.clone(), payload: "0x68656c6c6f".into(), approval_id: None };
    suite.operator().call::<WalletSign>(&sign).await.unwrap();
    let export = WalletExportRequest { wallet_id: wallet.id.clone(), passphrase: Secret("a long passphrase".into()) };
    suite.operator().call::<WalletExport>(&export).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let regions = memory(suite.keyd.id());
    assert!(holds(&regions, wallet.id.as_bytes()), "the search finds what is there");
    let key: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&KEY[at..at + 2], 16).unwrap()).collect();
    let reversed: Vec<u8> = key.iter().rev().copied().collect();
    // Half of it is already too much: as bytes, as the words of the arithmetic, as the text it came in.
    for (name, part) in [
        ("bytes", &key[..16]),
        ("bytes", &key[16..]),
        ("words", &reversed[..16]),
        ("words", &reversed[16..]),
        ("text", &KEY.as_bytes()[..24]),
        ("text", &KEY.as_bytes()[40..]),
    ] {
        assert!(!holds(&regions, part), "{name} of the key are still in memory");
    }
}
