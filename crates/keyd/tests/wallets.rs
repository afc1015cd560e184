//! Wallets over the socket: made, used within the policy, refused beyond it, recorded, deleted.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{ADDRESS, KEY, OTHER, POLICY, Suite, chain_params, fault, write_policy};
use osmoda_api::keyd::{
    Chain, KeydHealth, Secret, WalletCreate, WalletCreateRequest, WalletDelete, WalletDeleteRequest, WalletExport,
    WalletExportRequest, WalletImport, WalletImportRequest, WalletList, WalletNew, WalletNewRequest, WalletSend,
    WalletSendRequest, WalletSign, WalletSignRequest,
};
use osmoda_ipc::{Fault, Nothing};

fn send(wallet_id: &str, amount: &str, nonce: u64) -> WalletSendRequest {
    WalletSendRequest {
        wallet_id: wallet_id.into(),
        to: OTHER.into(),
        amount: amount.into(),
        chain_params: Some(chain_params(nonce)),
        approval_id: None,
    }
}

fn asked_id(fault: &Fault) -> String {
    assert_eq!(fault.code(), "approval_required", "{fault}");
    fault.detail().unwrap()["approval_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn keyd_is_shut_in_and_says_so_after_trying() {
    let suite = Suite::start(POLICY).await;
    let state = suite.operator().call::<KeydHealth>(&Nothing {}).await.unwrap();
    assert!(state.network_isolated && state.exec_blocked && state.core_dumps_off, "{state:?}");
    assert_eq!((state.status.as_str(), state.policy_rules), ("ok", Some(2)));
    assert_ne!(state.memory_locked, "none");
    // What the kernel says of it, of each thread: a filter, and no new privileges.
    let mut threads = 0;
    for task in std::fs::read_dir(format!("/proc/{}/task", suite.keyd.id())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
        threads += 1;
    }
    assert!(threads > 1);
}

#[tokio::test]
async fn an_agent_makes_a_wallet_with_leave_and_spends_within_the_rules() {
    let suite = Suite::start(POLICY).await;
    let agent = suite.agent();
    let mut request = WalletCreateRequest { chain: Chain::Ethereum, label: Some("mine".into()), approval_id: None };
    let id = asked_id(&fault::<WalletCreate>(&agent, &request).await);
    suite.approve(&id).await;
    request.approval_id = Some(id);
    let wallet = agent.call::<WalletCreate>(&request).await.unwrap();
    assert_eq!(agent.call::<WalletList>(&Nothing {}).await.unwrap().wallets, std::slice::from_ref(&wallet));
    let sent = agent.call::<WalletSend>(&send(&wallet.id, "50", 0)).await.unwrap();
    assert_eq!((sent.policy.as_str(), sent.from.as_str()), ("small", wallet.address.as_str()));
    assert!(sent.signed_tx.starts_with("0x02f8"));
    for (request, code) in [
        (send(&wallet.id, "101", 1), "policy_limit"),
        (WalletSendRequest { to: ADDRESS.into(), ..send(&wallet.id, "1", 1) }, "policy_refused"),
        (WalletSendRequest { to: OTHER.replace('C', "c"), ..send(&wallet.id, "1", 1) }, "invalid_address"),
        (send(&wallet.id, "1e1", 1), "invalid_amount"),
        (send("wal_none", "1", 1), "wallet_unknown"),
        (WalletSendRequest { chain_params: None, ..send(&wallet.id, "1", 1) }, "missing_chain_param"),
    ] {
        assert_eq!(fault::<WalletSend>(&agent, &request).await.code(), code, "{request:?}");
    }
    // From 90 on the operator is asked, with what it means.
    let mut large = send(&wallet.id, "95", 1);
    let asked = fault::<WalletSend>(&agent, &large).await;
    assert!(asked.detail().unwrap()["why"].as_str().unwrap().contains("transfer of 95 (native)"), "{asked:?}");
    let id = asked_id(&asked);
    suite.approve(&id).await;
    large.approval_id = Some(id);
    agent.call::<WalletSend>(&large).await.unwrap();
    // Whoever follows the first call learns that this one took its place.
    let first = asked.request_id().unwrap().as_str();
    let intent = suite.events("wallet_send.intent").await.pop().unwrap();
    assert_eq!(intent.payload["supersedes"], first);
    let receipt = suite.agentd().get(&format!("/requests/{first}")).await.unwrap();
    assert!(String::from_utf8_lossy(&receipt).contains(r#""status":"superseded""#), "{receipt:?}");
    let mut stream = suite.agentd().stream("/events/stream?type=request.superseded&cursor=0", &[]).await.unwrap();
    let mut heard = String::new();
    while !heard.contains(first) {
        let bytes = tokio::time::timeout(std::time::Duration::from_secs(20), stream.next()).await.unwrap();
        heard.push_str(&String::from_utf8_lossy(&bytes.unwrap().unwrap()));
    }
    assert!(heard.contains("event: request.superseded"), "{heard}");
    assert_eq!(fault::<WalletSend>(&agent, &large).await.code(), "approval_used");
    let receipts = suite.receipts().await.receipts;
    let short: Vec<_> = receipts.iter().map(|r| (r.decision.as_str(), r.rule.as_str(), r.amount.as_str())).collect();
    assert_eq!(
        short,
        [("signed", "small", "95"), ("refused", "", "1"), ("refused", "small", "101"), ("signed", "small", "50")]
    );
    assert_eq!(receipts[3].tx_hash, sent.tx_hash);
    let decisions = suite.events("wallet.decision").await;
    assert_eq!(decisions.len(), 4);
    let outcomes = suite.events("wallet_send.outcome").await;
    assert!(decisions[0].id < outcomes[0].id && outcomes[0].payload["result"]["tx_hash"] == sent.tx_hash);
}

#[tokio::test]
async fn a_message_is_signed_and_a_transaction_in_its_place_is_not() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let sign =
        |payload: &str| WalletSignRequest { wallet_id: wallet.id.clone(), payload: payload.into(), approval_id: None };
    let signature = suite.agent().call::<WalletSign>(&sign("0x68656c6c6f")).await.unwrap();
    assert_eq!((signature.scheme.as_str(), signature.signature.len()), ("eip191", 132));
    for payload in [
        "0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080",
        "0x02c0",
        &"ab".repeat(32),
        "0x19010000",
    ] {
        assert_eq!(fault::<WalletSign>(&suite.agent(), &sign(payload)).await.code(), "not_a_message", "{payload}");
    }
    assert_eq!(fault::<WalletSign>(&suite.agent(), &sign("zz")).await.code(), "invalid_request");
}

#[tokio::test]
async fn a_wallet_goes_for_good_and_only_with_leave() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    let mut request = WalletDeleteRequest { wallet_id: wallet.id.clone(), approval_id: None };
    let id = asked_id(&fault::<WalletDelete>(&suite.agent(), &request).await);
    suite.approve(&id).await;
    request.approval_id = Some(id);
    assert_eq!(suite.agent().call::<WalletDelete>(&request).await.unwrap().deleted, wallet.id);
    assert_eq!(fault::<WalletSend>(&suite.agent(), &send(&wallet.id, "1", 0)).await.code(), "wallet_unknown");
    assert_eq!(std::fs::read_dir(suite.dirs.state().join("keyd/wallets")).unwrap().count(), 0);
}

#[tokio::test]
async fn keys_come_and_go_by_operators_alone_and_no_ledger_knows_them() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    assert_eq!(wallet.address, ADDRESS);
    let passphrase = Secret("a passphrase of a person".into());
    let export = WalletExportRequest { wallet_id: wallet.id.clone(), passphrase: passphrase.clone() };
    assert_eq!(fault::<WalletExport>(&suite.agent(), &export).await.code(), "forbidden");
    let new = WalletNewRequest { chain: Chain::Solana, label: None };
    assert_eq!(fault::<WalletNew>(&suite.agent(), &new).await.code(), "forbidden");
    let file = suite.operator().call::<WalletExport>(&export).await.unwrap().file;
    suite
        .operator()
        .call::<WalletDelete>(&WalletDeleteRequest { wallet_id: wallet.id, approval_id: None })
        .await
        .unwrap();
    let mut import = WalletImportRequest {
        chain: Chain::Ethereum,
        label: None,
        secret: Secret(file),
        passphrase: Some(Secret("wrong".into())),
    };
    assert_eq!(fault::<WalletImport>(&suite.agent(), &import).await.code(), "forbidden");
    assert_eq!(fault::<WalletImport>(&suite.operator(), &import).await.code(), "bad_secret");
    import.passphrase = Some(passphrase);
    assert_eq!(suite.operator().call::<WalletImport>(&import).await.unwrap().address, ADDRESS);
    let made = suite.operator().call::<WalletNew>(&new).await.unwrap();
    let again = WalletImportRequest { chain: Chain::Solana, secret: made.phrase.clone(), ..Default::default() };
    assert_eq!(fault::<WalletImport>(&suite.operator(), &again).await.code(), "wallet_exists", "the same key again");
    let ledger = std::fs::read(suite.dirs.state().join("agentd/ledger.db")).unwrap();
    let wal = std::fs::read(suite.dirs.state().join("agentd/ledger.db-wal")).unwrap_or_default();
    let first_words: String = made.phrase.0.split(' ').take(3).collect::<Vec<_>>().join(" ");
    for secret in [KEY, "a passphrase of a person", first_words.as_str()] {
        for file in [&ledger, &wal] {
            assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

#[tokio::test]
async fn without_a_policy_nothing_is_signed_and_a_wrong_one_does_not_replace_a_good_one() {
    let suite = Suite::start(POLICY).await;
    let wallet = suite.wallet().await;
    suite.operator().call::<WalletSend>(&send(&wallet.id, "1", 0)).await.unwrap();
    let rules = async |expected: Option<u64>| {
        for _ in 0..500 {
            let state = suite.operator().call::<KeydHealth>(&Nothing {}).await.unwrap();
            if state.policy_rules == expected {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        false
    };
    write_policy(&suite.dirs, "[[rules]]\nname = \"x\"\nfree_money = true\n");
    suite.reload();
    write_policy(
        &suite.dirs,
        &format!(
            "{POLICY}\n[[rules]]\nname = \"none\"\ndecision = \"refuse\"\nchain = \"solana\"\nactions = [\"transfer\"]\n"
        ),
    );
    suite.reload();
    assert!(rules(Some(3)).await);
    // What was spent before a reload stays spent.
    let codes = async |count: u64| {
        let mut refused = 0;
        for nonce in 1..=count {
            refused += u64::from(suite.operator().call::<WalletSend>(&send(&wallet.id, "100", nonce)).await.is_err());
        }
        refused
    };
    assert_eq!(codes(10).await, 1);
    std::fs::remove_file(suite.dirs.state().join("keyd/policy.toml")).unwrap();
    suite.reload();
    assert!(rules(None).await);
    let refused = fault::<WalletSend>(&suite.operator(), &send(&wallet.id, "1", 20)).await;
    assert_eq!(refused.code(), "policy_refused");
    assert!(refused.message().contains("no policy"), "{refused}");
}
