//! Ways around the limits that need the whole daemon: a crash at the worst moment, rules that change meanwhile, the same
//! thing twice.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use common::{OTHER, POLICY, Suite, chain_params, fault, write_policy};
use osmoda_api::keyd::{
    BuildTxRequest, ChainParams, KeydHealth, TxType, WalletBuildTx, WalletDelete, WalletDeleteRequest, WalletSend,
    WalletSendRequest,
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

/// How much of the limit of 1000 is left, by spending it.
async fn left(suite: &Suite, wallet_id: &str) -> u64 {
    let mut spent = 0;
    for size in [100, 10, 1] {
        while suite.operator().call::<WalletSend>(&send(wallet_id, size, 5000 + spent)).await.is_ok() {
            spent += size;
        }
    }
    spent
}

async fn rules_are(suite: &Suite, count: u64) {
    for _ in 0..1000 {
        if suite.operator().call::<KeydHealth>(&Nothing {}).await.unwrap().policy_rules == Some(count) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the new rules are not in force");
}

#[tokio::test]
async fn killed_between_the_count_and_the_signature_it_has_spent_and_not_signed() {
    let mut suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let held = suite.hold_up("wallet.decision");
    suite.crash_keyd().await;
    let (operator, request) = (suite.operator(), send(&wallet.id, 70, 0));
    let call = tokio::spawn(async move { operator.call::<WalletSend>(&request).await });
    // The decision is on its way to the ledger, so that it is counted; and it never gets there, so that nothing is signed.
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap().unwrap();
    suite.crash_keyd().await;
    assert!(call.await.unwrap().is_err());
    let receipts = suite.receipts().await.receipts;
    let short: Vec<_> = receipts.iter().map(|r| (r.decision.as_str(), r.amount.as_str())).collect();
    assert_eq!(short, [("unsigned", "70")]);
    // Behind the one who holds up decisions nothing is signed any more; so agentd's own socket comes back.
    std::fs::rename(suite.dirs.socket("behind"), suite.dirs.socket("agentd")).unwrap();
    suite.crash_keyd().await;
    assert_eq!(left(&suite, &wallet.id).await, 930);
}

#[tokio::test]
async fn the_same_act_again_is_spent_again() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let first = suite.operator().call::<WalletSend>(&send(&wallet.id, 50, 7)).await.unwrap();
    let again = suite.operator().call::<WalletSend>(&send(&wallet.id, 50, 7)).await.unwrap();
    assert_eq!(first, again, "one transaction, which a chain takes once");
    assert_eq!(left(&suite, &wallet.id).await, 900);
}

#[tokio::test]
async fn leave_that_was_given_under_other_rules_does_not_outlive_them() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let mut request = send(&wallet.id, 95, 0);
    let asked = fault::<WalletSend>(&suite.agent(), &request).await;
    let id = asked.detail().unwrap()["approval_id"].as_str().unwrap().to_owned();
    suite.approve(&id).await;
    request.approval_id = Some(id.clone());
    // What was allowed is changed in what it says: another act.
    let other = WalletSendRequest { amount: "96".into(), ..request.clone() };
    assert_eq!(fault::<WalletSend>(&suite.agent(), &other).await.code(), "approval_mismatch");
    let stricter = POLICY.replace("max_per_act = 100", "max_per_act = 50").replace("approval_from = 90\n", "");
    write_policy(
        &suite.dirs,
        &format!(
            "{stricter}\n[[rules]]\nname = \"no\"\ndecision = \"refuse\"\nchain = \"solana\"\nactions = [\"transfer\"]\n"
        ),
    );
    suite.reload();
    rules_are(&suite, 3).await;
    assert_eq!(fault::<WalletSend>(&suite.agent(), &request).await.code(), "policy_limit");
    assert_eq!(left(&suite, &wallet.id).await, 1000);
    assert!(
        suite.receipts().await.receipts.iter().all(|receipt| receipt.amount != "95" || receipt.decision == "refused")
    );
}

#[tokio::test]
async fn rules_that_are_read_anew_all_the_time_let_no_more_through() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let mut callers = JoinSet::new();
    for nonce in 0..64 {
        let (operator, request) = (suite.operator(), send(&wallet.id, 30, nonce));
        callers.spawn(async move { operator.call::<WalletSend>(&request).await.is_ok() });
    }
    for round in 0..20 {
        let limit = if round % 2 == 0 { "max_per_day = 900" } else { "max_per_day = 1000" };
        write_policy(&suite.dirs, &POLICY.replace("max_per_day = 1000", limit));
        suite.reload();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let signed = callers.join_all().await.into_iter().filter(|sent| *sent).count();
    assert!(signed * 30 <= 1000, "{signed} signatures of 30");
}

#[tokio::test]
async fn a_wallet_that_is_made_anew_has_spent_what_the_one_before_had() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    suite.operator().call::<WalletSend>(&send(&wallet.id, 100, 0)).await.unwrap();
    let delete = WalletDeleteRequest { wallet_id: wallet.id.clone(), approval_id: None };
    suite.operator().call::<WalletDelete>(&delete).await.unwrap();
    let again = suite.wallet().await;
    assert_ne!(again.id, wallet.id);
    assert_eq!(left(&suite, &again.id).await, 900);
}

#[tokio::test]
async fn one_transfer_under_several_names_is_one_limit() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let params = ChainParams {
        chain_id: Some(1),
        nonce: Some(0),
        gas_limit: Some(21_000),
        max_fee_per_gas: Some("2".into()),
        max_priority_fee_per_gas: Some("1".into()),
        ..Default::default()
    };
    for (kind, to) in [
        (TxType::Transfer, OTHER.to_owned()),
        (TxType::ContractCall, OTHER.to_owned()),
        (TxType::Transfer, OTHER.to_lowercase()),
        (TxType::Transfer, OTHER.to_uppercase().replacen("0X", "0x", 1)),
    ] {
        let request = BuildTxRequest {
            wallet_id: wallet.id.clone(),
            chain: "ethereum".into(),
            tx_type: Some(kind),
            to,
            amount: "100".into(),
            chain_params: Some(params.clone()),
            approval_id: None,
        };
        suite.operator().call::<WalletBuildTx>(&request).await.unwrap();
    }
    assert_eq!(left(&suite, &wallet.id).await, 600);
}
