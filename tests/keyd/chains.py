"""What keyd signs, executed by real chains: anvil and LiteSVM. Balances move by exactly what was signed.

    chains.py --policy                              prints the policy that lets it through
    chains.py SOCKET CLEF ANVIL CREATION_CODE       tries it; CREATION_CODE is the token's
"""

import base64
import json
import socket
import subprocess
import sys
import time
import urllib.request

CHAIN = 31337
# What anvil's first account makes first.
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
FRIEND = "0x000000000000000000000000000000000000bEEF"
MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

POLICY = f"""
[[tokens]]
symbol = "USDC"
chain = "ethereum"
chain_id = {CHAIN}
address = "{TOKEN}"
decimals = 6

[[tokens]]
symbol = "USDC"
chain = "solana"
address = "{MINT}"
decimals = 6

[[rules]]
name = "coin"
chain = "ethereum"
chain_ids = [{CHAIN}]
actions = ["transfer"]
to = ["{FRIEND}"]
max_per_act = "1.0"
max_total = "3.0"

[[rules]]
name = "token"
chain = "ethereum"
chain_ids = [{CHAIN}]
actions = ["erc20_transfer", "x402_authorization"]
tokens = ["USDC"]
to = ["{FRIEND}"]
max_per_act = "10.0"
max_total = "30.0"

[[rules]]
name = "sol"
chain = "solana"
actions = ["transfer"]
max_total = "2.0"

[[rules]]
name = "spl"
chain = "solana"
actions = ["spl_transfer"]
tokens = ["USDC"]
max_total = "30.0"
"""

if sys.argv[1:] == ["--policy"]:
    print(POLICY)
    sys.exit()

from keyd import Keyd
from solders.account import Account
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount, TokenAccountState
from solders.transaction import Transaction
from solders.transaction_metadata import FailedTransactionMetadata

SOCKET, CLEF, ANVIL, CODE = sys.argv[1:5]
TOKEN_PROGRAMS = {
    "token": Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    "token-2022": Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
}
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")


def clef(method, *params):
    """One request of clef's JSON-RPC."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(30)
        stream.connect(CLEF)
        stream.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
        answer = json.loads(stream.makefile().readline())
        return answer["result"] if "result" in answer else answer["error"]


class Chain:
    """A development chain of Ethereum on loopback, ended with the `with`."""

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        arguments = [ANVIL, "--silent", "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN), "--accounts", "2"]
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for _ in range(300):
            try:
                self.ask("eth_chainId")
                return self
            except OSError:
                time.sleep(0.1)
        raise SystemExit("anvil does not answer")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.loads(response.read())
        return answer["result"] if "result" in answer else {"refused": answer["error"]["message"]}

    def receipt(self, hash_):
        if not isinstance(hash_, str):
            return hash_
        for _ in range(100):
            found = self.ask("eth_getTransactionReceipt", hash_)
            if found:
                return found
            time.sleep(0.05)
        raise SystemExit(f"{hash_} is not mined")

    def coins(self, address):
        return int(self.ask("eth_getBalance", address, "latest"), 16)

    def tokens(self, address):
        data = f"0x70a08231{int(address, 16):064x}"
        return int(self.ask("eth_call", {"to": TOKEN, "data": data}, "latest"), 16)


def check(name, *pairs):
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    if wrong:
        print(f"FAIL  {name}: {wrong[0][0]} instead of {wrong[0][1]}"[:600], flush=True)
    else:
        print(f"ok    {name}", flush=True)


def ethereum(keyd):
    wallet = keyd.call("/wallet/create", {"chain": "ethereum"})
    own = wallet["address"]
    with Chain() as chain:
        rich = chain.ask("eth_accounts")[0]
        code = f"0x{CODE}{int(own, 16):064x}{100_000_000:064x}"
        made = chain.receipt(chain.ask("eth_sendTransaction", {"from": rich, "data": code, "gas": hex(3_000_000)}))
        check("the token is where it is expected", (made["contractAddress"].lower(), TOKEN.lower()))
        chain.ask("anvil_setBalance", own, hex(10**19))
        fees = {"max_fee_per_gas": "3000000000", "max_priority_fee_per_gas": "1000000000"}
        base = {"wallet_id": wallet["id"], "chain": "ethereum", "to": FRIEND}

        sent = keyd.call("/wallet/send", {"wallet_id": wallet["id"], "to": FRIEND, "amount": "0.25",
                                          "chain_params": {"chain_id": CHAIN, "nonce": 0, **fees}})
        receipt = chain.receipt(chain.ask("eth_sendRawTransaction", sent["signed_tx"]))
        cost = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        check(
            "anvil: the transfer is mined under keyd's hash, and balances move by it",
            (receipt["status"], "0x1"), (receipt["transactionHash"], sent["tx_hash"]), (receipt["from"].lower(), own.lower()),
            (chain.coins(FRIEND), 25 * 10**16), (chain.coins(own), 10**19 - 25 * 10**16 - cost),
        )
        again = chain.ask("eth_sendRawTransaction", sent["signed_tx"])
        check("anvil: the same transaction twice is none", ("refused" in again, True), (chain.coins(FRIEND), 25 * 10**16))

        built = keyd.call("/wallet/build_tx", {**base, "tx_type": "erc20_transfer", "amount": "7.5",
                                               "chain_params": {"chain_id": CHAIN, "nonce": 1, "token": TOKEN, **fees}})
        receipt = chain.receipt(chain.ask("eth_sendRawTransaction", built["signed_tx"]))
        check(
            "anvil: the ERC-20 transfer moves tokens and no coin",
            (receipt["status"], "0x1"), (receipt["transactionHash"], built["tx_hash"]), (chain.tokens(FRIEND), 7_500_000),
            (chain.tokens(own), 92_500_000), (chain.coins(FRIEND), 25 * 10**16),
        )

        paid = keyd.call("/wallet/build_tx", {**base, "tx_type": "x402_authorization", "amount": "1.25", "chain_params": {
            "chain_id": CHAIN, "token": TOKEN, "token_name": "USD Coin", "token_version": "2", "network": "anvil"}})
        payment = json.loads(base64.b64decode(paid["signed_tx"]))["payload"]
        authorization, signature = payment["authorization"], payment["signature"][2:]
        words = [int(authorization[name], 16) for name in ("from", "to")]
        words += [int(authorization[name]) for name in ("value", "validAfter", "validBefore")]
        words += [int(authorization["nonce"], 16), int(signature[128:], 16), int(signature[:64], 16), int(signature[64:128], 16)]
        call = {"from": rich, "to": TOKEN, "data": "0xe3ee160e" + "".join(f"{word:064x}" for word in words), "gas": hex(300_000)}
        receipt = chain.receipt(chain.ask("eth_sendTransaction", call))
        check(
            "anvil: somebody else hands the EIP-3009 authorisation in, and tokens move by it",
            (receipt["status"], "0x1"), (chain.tokens(FRIEND), 8_750_000), (chain.tokens(own), 91_250_000),
            (chain.ask("eth_getTransactionCount", own, "latest"), "0x2"),
        )
        more = dict(call, data=call["data"].replace(f"{1_250_000:064x}", f"{1_250_001:064x}"))
        answers = [chain.receipt(chain.ask("eth_sendTransaction", each)) for each in (call, more)]
        refused = [each.get("status") == "0x0" or "refused" in each for each in answers]
        check("anvil: it is good once, and for its amount alone", (refused, [True, True]), (chain.tokens(FRIEND), 8_750_000))

        signed = clef("account_signTransaction", {
            "from": own.lower(), "to": FRIEND.lower(), "gas": "0x5208", "maxFeePerGas": hex(3 * 10**9), "maxPriorityFeePerGas": hex(10**9),
            "value": hex(5 * 10**17), "nonce": "0x2", "chainId": hex(CHAIN), "data": "0x"})
        receipt = chain.receipt(chain.ask("eth_sendRawTransaction", signed["raw"]))
        check("anvil: a transaction of clef's client is mined", (receipt["status"], "0x1"), (receipt["transactionHash"], signed["tx"]["hash"]),
              (chain.coins(FRIEND), 75 * 10**16))


def solana(keyd):
    wallet = keyd.call("/wallet/create", {"chain": "solana"})
    own, friend, mint = Pubkey.from_string(wallet["address"]), Keypair().pubkey(), Pubkey.from_string(MINT)
    chain = LiteSVM()
    chain.airdrop(own, 10**9)

    def run(answer):
        result = chain.send_transaction(Transaction.from_bytes(base64.b64decode(answer["signed_tx"], validate=True)))
        if isinstance(result, FailedTransactionMetadata):
            return str(result)
        return str(result.signature())

    blockhash = {"recent_blockhash": str(chain.latest_blockhash())}
    sent = keyd.call("/wallet/send", {"wallet_id": wallet["id"], "to": str(friend), "amount": "0.25", "chain_params": blockhash})
    check(
        "LiteSVM: the transfer executes under keyd's signature, and balances move by it",
        (run(sent), sent["tx_hash"]), (chain.get_balance(friend), 250_000_000), (chain.get_balance(own), 750_000_000 - 5000),
    )
    check("LiteSVM: the same transaction twice is none", (run(sent) == sent["tx_hash"], False), (chain.get_balance(friend), 250_000_000))

    for name, program in TOKEN_PROGRAMS.items():
        account = lambda owner: Pubkey.find_program_address([bytes(owner), bytes(program), bytes(mint)], ASSOCIATED)[0]
        lamports = chain.minimum_balance_for_rent_exemption(165)
        chain.set_account(mint, Account(lamports, bytes(Mint(None, 10**9, 6, True, None)), program))
        for owner, amount in ((own, 20_000_000), (friend, 0)):
            state = TokenAccount(mint, owner, amount, None, TokenAccountState.Initialized, None, 0, None)
            chain.set_account(account(owner), Account(lamports, bytes(state), program))
        held = lambda owner: TokenAccount.from_bytes(chain.get_account(account(owner)).data[:165]).amount
        params = {"recent_blockhash": str(chain.latest_blockhash()), "token": MINT, "decimals": 6, "token_program": name}
        built = keyd.call("/wallet/build_tx", {"wallet_id": wallet["id"], "chain": "solana", "tx_type": "spl_transfer", "to": str(friend),
                                               "amount": "7.5", "chain_params": params})
        check(
            f"LiteSVM: the SPL transfer executes ({name})",
            (run(built), built["tx_hash"]), (held(friend), 7_500_000), (held(own), 12_500_000),
        )


keyd = Keyd(SOCKET)
ethereum(keyd)
solana(keyd)
