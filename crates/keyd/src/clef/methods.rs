//! clef's methods, each as the act of keyd that it is: gated, recorded and judged like any other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::U256;
use osmoda_api::{
    agentd::ApprovalStatus,
    keyd::{BuildTxRequest, Chain, ChainParams, TxType, WalletBuildTx, WalletSign, WalletSignRequest},
};
use osmoda_ipc::{Act, Call, Caller, Endpoint, EndpointInfo, Fault, Gate, NewEvent, Recorder, RequestId};
use serde_json::{Map, Value, json};

use crate::{
    build::unhex,
    ethereum::{in_json, parse_address},
    gate::KeydGate,
    handlers::signing,
    keyd::Keyd,
};

/// The version of clef's external interface that this is.
const VERSION: &str = "6.1.0";
/// How often it is asked whether the operator has answered.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// What the methods need.
pub(super) struct Clef {
    keyd: Arc<Keyd>,
    gate: KeydGate,
    patience: Duration,
}

/// An error of JSON-RPC.
struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn params(message: impl Into<String>) -> Self {
        Self { code: -32602, message: message.into(), data: None }
    }
}

impl From<Fault> for RpcError {
    fn from(fault: Fault) -> Self {
        Self { code: -32000, message: fault.message().to_owned(), data: Some(json!(fault.envelope())) }
    }
}

impl Clef {
    pub(super) fn new(keyd: Arc<Keyd>, patience: Duration) -> Self {
        Self { gate: KeydGate(keyd.clone()), keyd, patience }
    }

    /// The id of the Ethereum wallet with this address.
    fn wallet(&self, address: &Value) -> Result<String, RpcError> {
        let text = address.as_str().ok_or_else(|| RpcError::params("an address is text"))?;
        let address = parse_address(text).map_err(|error| RpcError::params(error.to_string()))?.to_string();
        let found = self.keyd.keys.list().into_iter().find(|wallet| wallet.address == address);
        found.map(|wallet| wallet.id).ok_or_else(|| RpcError::params(format!("there is no account {address} here")))
    }

    /// Leave, intent, act, outcome, as for every other caller. Where the operator must be asked, the call waits for the
    /// answer: clef's clients know no approvals.
    async fn act<E, Fut>(
        &self,
        caller: &Caller,
        request: E::Request,
        work: impl FnOnce(Call, E::Request) -> Fut,
    ) -> Result<E::Response, RpcError>
    where
        E: Endpoint,
        Fut: Future<Output = Result<E::Response, Fault>>,
    {
        let info = EndpointInfo::of::<E>();
        let mut call = Call::new(caller.clone(), RequestId::generate());
        let mut json = serde_json::to_value(&request).map_err(Fault::internal)?;
        call.leave = match self.gate.pass(&call, Act { endpoint: &info, request: &json }).await {
            Ok(leave) => leave,
            Err(fault) if fault.code() == "approval_required" => {
                let id = fault.detail().and_then(|detail| detail["approval_id"].as_str()).map(str::to_owned);
                let Some(id) = id else { return Err(fault.into()) };
                self.wait_for(&id, fault).await?;
                json["approval_id"] = json!(id);
                self.gate.pass(&call, Act { endpoint: &info, request: &json }).await?
            }
            Err(fault) => return Err(fault.into()),
        };
        let steward = &self.keyd.steward;
        let event = |kind: &str, more: Value| {
            let mut payload = json!({ "request_id": call.request_id, "daemon": "keyd", "by": "clef" });
            if let (Some(fields), Value::Object(more)) = (payload.as_object_mut(), more) {
                fields.extend(more);
            }
            NewEvent { kind: format!("{}.{kind}", E::NAME), actor: caller.actor(), payload }
        };
        let intent = json!({
            "uid": caller.uid, "pid": caller.pid, "request": E::audit(&request), "approval_id": call.leave.approval_id,
        });
        steward.append(event("intent", intent)).await?;
        let started = Instant::now();
        let result = work(call.clone(), request).await;
        let mut outcome = json!({ "ok": result.is_ok(), "duration_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) });
        match &result {
            Ok(answer) => outcome["result"] = E::receipt(answer),
            Err(fault) => outcome["code"] = json!(fault.code()),
        }
        steward.append(event("outcome", outcome)).await?;
        Ok(result?)
    }

    async fn wait_for(&self, id: &str, asked: Fault) -> Result<(), Fault> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.keyd.steward.approval(id).await?.status {
                ApprovalStatus::Approved => return Ok(()),
                ApprovalStatus::Denied => {
                    return Err(Fault::forbidden("approval_denied", format!("the operator denied approval {id}")));
                }
                ApprovalStatus::Pending if Instant::now() < deadline => tokio::time::sleep(ASK_AGAIN).await,
                ApprovalStatus::Pending | ApprovalStatus::Expired | ApprovalStatus::Used => return Err(asked),
            }
        }
    }

    async fn sign_transaction(&self, caller: &Caller, params: &[Value]) -> Result<Value, RpcError> {
        let Some(Value::Object(tx)) = params.first() else {
            return Err(RpcError::params("account_signTransaction takes a transaction"));
        };
        let request = build_request(self.wallet(tx.get("from").unwrap_or(&Value::Null))?, tx)?;
        let built = self
            .act::<WalletBuildTx, _>(caller, request, |call, request| signing::build(self.keyd.clone(), call, request))
            .await?;
        let raw = unhex(&built.signed_tx).map_err(Fault::from)?;
        Ok(json!({ "raw": built.signed_tx, "tx": in_json(&raw) }))
    }

    async fn sign_data(&self, caller: &Caller, params: &[Value]) -> Result<Value, RpcError> {
        let [kind, address, data] = params else {
            return Err(RpcError::params("account_signData takes a content type, an address and data"));
        };
        if kind != "text/plain" {
            return Err(RpcError::params("only text/plain is signed: another type could be a transaction or a block"));
        }
        let payload = data.as_str().ok_or_else(|| RpcError::params("data is hex"))?.to_owned();
        let request = WalletSignRequest { wallet_id: self.wallet(address)?, payload, approval_id: None };
        let signed = self
            .act::<WalletSign, _>(caller, request, |call, request| signing::sign(self.keyd.clone(), call, request))
            .await?;
        Ok(json!(signed.signature))
    }

    async fn sign_typed(&self, caller: &Caller, params: &[Value]) -> Result<Value, RpcError> {
        let [address, typed] = params else {
            return Err(RpcError::params("account_signTypedData takes an address and typed data"));
        };
        let typed = match typed {
            Value::String(text) => serde_json::from_str(text).map_err(|error| RpcError::params(error.to_string()))?,
            other => other.clone(),
        };
        let Value::Object(typed) = typed else { return Err(RpcError::params("typed data is an object")) };
        let request = BuildTxRequest {
            wallet_id: self.wallet(address)?,
            chain: Chain::Ethereum.as_str().to_owned(),
            tx_type: Some(TxType::TypedData),
            chain_params: Some(ChainParams { typed_data: Some(typed), ..Default::default() }),
            ..Default::default()
        };
        let built = self
            .act::<WalletBuildTx, _>(caller, request, |call, request| signing::build(self.keyd.clone(), call, request))
            .await?;
        Ok(json!(built.signed_tx))
    }
}

/// The reply to one request.
pub(super) async fn answer(clef: &Clef, caller: &Caller, request: &Value) -> Value {
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let none = Vec::new();
    let params = request.get("params").and_then(Value::as_array).unwrap_or(&none);
    let result = match method {
        "account_version" => Ok(json!(VERSION)),
        "account_list" => {
            let wallets = clef.keyd.keys.list().into_iter().filter(|wallet| wallet.chain == Chain::Ethereum);
            Ok(wallets.map(|wallet| Value::from(wallet.address.to_lowercase())).collect())
        }
        "account_signTransaction" => clef.sign_transaction(caller, params).await,
        "account_signData" => clef.sign_data(caller, params).await,
        "account_signTypedData" => clef.sign_typed(caller, params).await,
        "" => Err(RpcError { code: -32600, message: "this is no request of JSON-RPC".into(), data: None }),
        _ => Err(RpcError {
            code: -32601,
            message: format!("there is no method {}", method.chars().take(64).collect::<String>()),
            data: None,
        }),
    };
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(RpcError { code, message, data }) => {
            let mut error = json!({ "code": code, "message": message });
            if let Some(data) = data {
                error["data"] = data;
            }
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        }
    }
}

/// A transaction of clef's clients: quantities in hex.
fn build_request(wallet_id: String, tx: &Map<String, Value>) -> Result<BuildTxRequest, RpcError> {
    let number = |name: &str| -> Result<Option<U256>, RpcError> {
        match tx.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => text
                .strip_prefix("0x")
                .and_then(|digits| U256::from_str_radix(digits, 16).ok())
                .map(Some)
                .ok_or_else(|| RpcError::params(format!("{name} is no quantity in hex"))),
            Some(_) => Err(RpcError::params(format!("{name} is no quantity in hex"))),
        }
    };
    let small = |name: &str| -> Result<Option<u64>, RpcError> {
        number(name)?
            .map(|n| u64::try_from(n).map_err(|_| RpcError::params(format!("{name} is too large"))))
            .transpose()
    };
    // go-ethereum's own client says null where there is none.
    let has_access =
        tx.get("accessList").is_some_and(|list| !list.is_null() && list.as_array().is_none_or(|list| !list.is_empty()));
    if number("gasPrice")?.is_some() || has_access {
        return Err(RpcError::params(
            "only EIP-1559 transactions without access list are signed: give maxFeePerGas and maxPriorityFeePerGas",
        ));
    }
    let to = tx
        .get("to")
        .and_then(Value::as_str)
        .ok_or_else(|| RpcError::params("to is missing; contracts are not created"))?;
    let text = |name: &str| tx.get(name).and_then(Value::as_str).filter(|data| *data != "0x" && !data.is_empty());
    let data = match (text("data"), text("input")) {
        (Some(data), Some(input)) if data != input => return Err(RpcError::params("data and input are not the same")),
        (data, input) => data.or(input).map(str::to_owned),
    };
    let params = ChainParams {
        chain_id: small("chainId")?,
        nonce: small("nonce")?,
        gas_limit: small("gas")?,
        max_fee_per_gas: number("maxFeePerGas")?.map(|n| n.to_string()),
        max_priority_fee_per_gas: number("maxPriorityFeePerGas")?.map(|n| n.to_string()),
        data: data.clone(),
        ..Default::default()
    };
    Ok(BuildTxRequest {
        wallet_id,
        chain: Chain::Ethereum.as_str().to_owned(),
        tx_type: Some(if data.is_some() { TxType::ContractCall } else { TxType::Transfer }),
        to: to.to_owned(),
        amount: number("value")?.unwrap_or_default().to_string(),
        chain_params: Some(params),
        approval_id: None,
    })
}
