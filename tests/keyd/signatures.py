"""keyd's signatures against those of ethers, viem, eth-account and solders, case by case and byte by byte.

    signatures.py --policy                          prints the policy that lets the cases through
    signatures.py SOCKET NODE REFERENCE COUNT       tries COUNT random cases of each kind of transaction and typed data,
                                                    and a quarter as many messages and transactions on Solana
"""

import base64
import json
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

CHAINS = [1, 10, 8453, 11155111]
TOKENS = [f"0x{n:040x}" for n in (0xA0B8, 0xDAC1, 0x8335)]
CONTRACT, SELECTOR = f"0x{0xC0DE:040x}", "0xdeadbeef"
KINDS = ["transfer", "erc20", "call", "typed", "authorization", "x402", "message", "sol", "spl", "offchain"]
MOST = str(2**256 - 1)

POLICY = f"""
[[rules]]
name = "coins"
chain = "ethereum"
chain_ids = {CHAINS}
actions = ["transfer"]
max_total = "{MOST}"
max_fee = "{MOST}"
max_fees_per_day = "{MOST}"

[[rules]]
name = "tokens"
chain = "ethereum"
chain_ids = {CHAINS}
actions = ["erc20_transfer", "x402_authorization"]
tokens = {json.dumps(TOKENS)}
max_total = "{MOST}"
max_fee = "{MOST}"
max_fees_per_day = "{MOST}"

[[rules]]
name = "calls"
chain = "ethereum"
chain_ids = {CHAINS}
actions = ["contract_call", "typed_data"]
calls = [{{ contract = "{CONTRACT}", selector = "{SELECTOR}" }}]
typed = [{{ contract = "{CONTRACT}", primary_type = "Mail" }}]
max_total = "{MOST}"
max_fee = "{MOST}"
max_fees_per_day = "{MOST}"

[[rules]]
name = "messages"
chain = "ethereum"
actions = ["message"]

[[rules]]
name = "solana"
chain = "solana"
actions = ["transfer", "message"]
max_total = "{MOST}"
max_fees_per_day = "{MOST}"

[[rules]]
name = "spl"
chain = "solana"
actions = ["spl_transfer"]
tokens = ["EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"]
max_total = "{MOST}"
max_fees_per_day = "{MOST}"
"""
MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

if sys.argv[1:] == ["--policy"]:
    print(POLICY)
    sys.exit()

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from keyd import Keyd
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

SOCKET, NODE, REFERENCE, COUNT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
TOKEN_PROGRAM = {
    "token": Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    "token-2022": Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
}
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
# So many callers at a time: each waits for the disk, and the ledger writes them down together.
CALLERS = 16


class Dice(threading.local):
    """The same cases in every run, whichever thread makes them: begun anew for each."""

    def __init__(self):
        self.source = random.Random(20260101)

    def __getattr__(self, name):
        return getattr(self.source, name)


class Connection(threading.local):
    """A connection of each thread."""

    def __init__(self):
        self.keyd = Keyd(SOCKET)


dice = Dice()


def integer(bits):
    """An integer with edges: 0, 1, powers of two and their neighbours, and anything between."""
    kind = dice.randrange(4)
    if kind == 0:
        return min(2**bits - 1, dice.choice([0, 1, 127, 128, 255, 256]))
    if kind == 1:
        return max(0, min(2**bits - 1, 2 ** dice.randrange(bits) + dice.choice([-1, 0, 1])))
    return dice.getrandbits(dice.randrange(1, bits + 1))


def hexed(length):
    return "0x" + dice.randbytes(length).hex()


def text():
    return "".join(dice.choice("abc XYZ 09 äöü 漢字 \n😀'\"\\") for _ in range(dice.randrange(1, 80)))


def address():
    return Account.from_key(dice.randbytes(32)).address


def mail(chain):
    person = lambda: {"name": text(), "wallet": address()}
    fields = [
        ("from", "Person", person()), ("to", "Person[]", [person() for _ in range(dice.randrange(4))]),
        ("contents", "string", text()), ("amount", "uint256", str(integer(256))), ("small", "uint8", str(integer(8))),
        ("delta", "int64", str(integer(63) * dice.choice([1, -1]))), ("flag", "bool", dice.random() < 0.5),
        ("tag", "bytes32", hexed(32)), ("blob", "bytes", hexed(dice.randrange(70))), ("short", "bytes4", hexed(4)),
        ("list", "uint16[]", [str(integer(16)) for _ in range(dice.randrange(5))]),
        ("pair", "address[2]", [address(), address()]),
    ]
    dice.shuffle(fields)
    fields = fields[: dice.randrange(1, len(fields) + 1)]
    domain = {"chainId": chain, "verifyingContract": CONTRACT}
    if dice.random() < 0.7:
        domain["name"] = text()
    if dice.random() < 0.7:
        domain["version"] = "1"
    if dice.random() < 0.2:
        domain["salt"] = hexed(32)
    types = {"Mail": [{"name": name, "type": kind} for name, kind, _ in fields]}
    if any(kind.startswith("Person") for _, kind, _ in fields):
        types["Person"] = [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}]
    return typed(types, "Mail", domain, {name: value for name, _, value in fields})


def typed(types, primary, domain, message):
    kinds = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address", "salt": "bytes32"}
    types = {"EIP712Domain": [{"name": name, "type": kind} for name, kind in kinds.items() if name in domain], **types}
    return {"types": types, "primaryType": primary, "domain": domain, "message": message}


def authorization(sender, token, chain):
    words = [("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
             ("validBefore", "uint256"), ("nonce", "bytes32")]
    values = [sender, address(), str(integer(90)), str(integer(40)), str(integer(40)), hexed(32)]
    return typed(
        {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in words]}, "TransferWithAuthorization",
        {"name": dice.choice(["USD Coin", "USDC", "Ünïcode"]), "version": dice.choice(["1", "2"]), "chainId": chain,
         "verifyingContract": token}, {name: value for (name, _), value in zip(words, values)})


def read(types, kind, value):
    """Typed data's integers travel as text, and eth-account wants numbers."""
    if kind.endswith("]"):
        return [read(types, kind[: kind.rindex("[")], one) for one in value]
    if kind in types:
        return {field["name"]: read(types, field["type"], value[field["name"]]) for field in types[kind]}
    return int(value) if kind.startswith(("uint", "int")) else value


def of_eth_account(one):
    if one["kind"] == "message":
        return "0x" + Account.sign_message(encode_defunct(hexstr=one["payload"]), one["key"]).signature.hex().removeprefix("0x")
    if one["kind"] == "typed":
        data = one["typed"]
        message = read(data["types"], data["primaryType"], data["message"])
        signable = encode_typed_data(full_message={**data, "message": message})
        return "0x" + Account.sign_message(signable, one["key"]).signature.hex().removeprefix("0x")
    signed = Account.sign_transaction({
        "type": 2, "chainId": one["chain_id"], "nonce": one["nonce"], "to": bytes.fromhex(one["to"][2:]), "value": int(one["value"]),
        "data": one["data"], "gas": int(one["gas"]), "maxFeePerGas": int(one["max_fee"]),
        "maxPriorityFeePerGas": int(one["priority"])}, one["key"])
    return "0x" + signed.raw_transaction.hex().removeprefix("0x")


def ethereum(keyd, kind, wallet):
    """One case: what keyd answers, and what the references are asked."""
    chain = dice.choice(CHAINS)
    fees = sorted(integer(64) for _ in range(2))
    params = {"chain_id": chain, "nonce": integer(31), "gas_limit": 21000 + integer(30), "max_fee_per_gas": str(fees[1]),
              "max_priority_fee_per_gas": str(fees[0])}
    body = {"wallet_id": wallet["id"], "chain": "ethereum", "to": "", "amount": "", "chain_params": params}
    base = {"key": wallet["key"], "chain_id": chain, "nonce": params["nonce"], "gas": str(params["gas_limit"]),
            "max_fee": str(fees[1]), "priority": str(fees[0])}
    build = lambda kind, **more: keyd.call("/wallet/build_tx", {**body, "tx_type": kind, **more})
    if kind == "message":
        payload = "0x" + text().encode().hex()
        if len(payload) == 66:
            payload += "2e"
        answer = keyd.call("/wallet/sign", {"wallet_id": wallet["id"], "payload": payload})
        return answer["signature"], {**base, "kind": "message", "payload": payload}
    if kind in ("typed", "authorization"):
        data = mail(chain) if kind == "typed" else authorization(wallet["address"], dice.choice(TOKENS), chain)
        answer = keyd.call("/wallet/build_tx", {**body, "tx_type": "typed_data", "chain_params": {"typed_data": data}})
        return answer["signed_tx"], {**base, "kind": "typed", "typed": data}
    if kind == "x402":
        token = dice.choice(TOKENS)
        data = authorization(wallet["address"], token, chain)
        message, domain = data["message"], data["domain"]
        asked = {"chain_id": chain, "token": token, "token_name": domain["name"], "token_version": domain["version"],
                 "network": "base", "valid_after": int(message["validAfter"]), "valid_before": int(message["validBefore"]),
                 "authorization_nonce": message["nonce"]}
        answer = build("x402_authorization", to=message["to"], amount=message["value"], chain_params=asked)
        header = json.loads(base64.b64decode(answer["signed_tx"], validate=True))
        signature = header["payload"].pop("signature")
        shape = {"x402Version": 1, "scheme": "exact", "network": "base", "payload": {"authorization": message}}
        if json.dumps(header) != json.dumps(shape):
            raise SystemExit(f"the x402 payload is another one: {header} instead of {shape}")
        return signature, {**base, "kind": "typed", "typed": data}
    to, value = address(), integer(200)
    if kind == "transfer":
        answer = build("transfer", to=to, amount=str(value))
        return answer["signed_tx"], {**base, "kind": "tx", "to": to, "value": str(value), "data": "0x"}
    if kind == "erc20":
        token = dice.choice(TOKENS)
        answer = build("erc20_transfer", to=to, amount=str(value), chain_params={**params, "token": token})
        data = f"0xa9059cbb{int(to, 16):064x}{value:064x}"
        return answer["signed_tx"], {**base, "kind": "tx", "to": token, "value": "0", "data": data}
    data = SELECTOR + dice.randbytes(dice.randrange(0, 300)).hex()
    answer = build("contract_call", to=CONTRACT, amount=str(value), chain_params={**params, "data": data})
    return answer["signed_tx"], {**base, "kind": "tx", "to": CONTRACT, "value": str(value), "data": data}


def solana(keyd, kind, wallet):
    """One case: what keyd answers, and what solders makes of it."""
    owner, to, blockhash = wallet["keypair"], Keypair.from_seed(dice.randbytes(32)).pubkey(), Hash(dice.randbytes(32))
    amount = integer(63)
    body = {"wallet_id": wallet["id"], "chain": "solana", "to": str(to), "amount": str(amount)}
    if kind == "sol":
        if dice.random() < 0.05:
            to = owner.pubkey()
            body["to"] = str(to)
        instruction = transfer(TransferParams(from_pubkey=owner.pubkey(), to_pubkey=to, lamports=amount))
        answer = keyd.call("/wallet/build_tx", {**body, "tx_type": "transfer", "chain_params": {"recent_blockhash": str(blockhash)}})
    else:
        name = dice.choice(["token", "token-2022"])
        program, mint, decimals = TOKEN_PROGRAM[name], Pubkey.from_string(MINT), dice.randrange(0, 13)
        account = lambda of: Pubkey.find_program_address([bytes(of), bytes(program), bytes(mint)], ASSOCIATED)[0]
        data = bytes([12]) + amount.to_bytes(8, "little") + bytes([decimals])
        metas = [AccountMeta(account(owner.pubkey()), False, True), AccountMeta(mint, False, False),
                 AccountMeta(account(to), False, True), AccountMeta(owner.pubkey(), True, False)]
        instruction = Instruction(program, data, metas)
        params = {"recent_blockhash": str(blockhash), "token": MINT, "decimals": decimals, "token_program": name}
        answer = keyd.call("/wallet/build_tx", {**body, "tx_type": "spl_transfer", "chain_params": params})
    message = Message.new_with_blockhash([instruction], owner.pubkey(), blockhash)
    expected = bytes(Transaction([owner], message, blockhash))
    return base64.b64decode(answer["signed_tx"], validate=True).hex(), expected.hex()


def offchain(keyd, wallet):
    """One message: keyd's signature, and what the reference is asked for."""
    plain = dice.random() < 0.5
    message = "".join(dice.choice("abc XYZ 09") for _ in range(dice.randrange(1, 600))) if plain else text() + "é"
    if dice.random() < 0.1:
        message = "long é " * 300
    payload = "0x" + message.encode().hex()
    answer = keyd.call("/wallet/sign", {"wallet_id": wallet["id"], "payload": payload})
    size = len(message.encode()) + 85
    form = 2 if size > 1232 else (0 if plain else 1)
    return answer["signature"], {"kind": "offchain", "payload": payload, "address": wallet["address"], "format": form}


def references(cases):
    answer = subprocess.run([NODE, REFERENCE], input=json.dumps(cases), capture_output=True, text=True, timeout=600)
    if answer.returncode:
        raise SystemExit(answer.stderr[-2000:])
    return json.loads(answer.stdout)


def report(name, pairs):
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    if wrong:
        print(f"FAIL  {name}: {len(wrong)} of {len(pairs)} differ, the first: {wrong[0][0]} instead of {wrong[0][1]}"[:1500])
    else:
        print(f"ok    {name}: {len(pairs)} cases, byte for byte", flush=True)


def main():
    connection = Connection()
    keyd = connection.keyd
    wallets = {"ethereum": [], "solana": []}
    for _ in range(5):
        key = hexed(32)
        made = keyd.call("/wallet/import", {"chain": "ethereum", "secret": key})
        wallets["ethereum"].append({**made, "key": key})
        keypair = Keypair.from_seed(dice.randbytes(32))
        made = keyd.call("/wallet/import", {"chain": "solana", "secret": str(keypair)})
        wallets["solana"].append({**made, "keypair": keypair})
    report("addresses and eth-account", [(w["address"], Account.from_key(w["key"]).address) for w in wallets["ethereum"]])
    report("addresses and solders", [(w["address"], str(w["keypair"].pubkey())) for w in wallets["solana"]])

    def cases(kind, count, chain, case):
        def one(number):
            dice.seed(f"{kind} {number}")
            return case(connection.keyd, dice.choice(wallets[chain]))

        with ThreadPoolExecutor(CALLERS) as pool:
            return list(pool.map(one, range(count)))

    fewer = COUNT // 4 + 1
    for kind in KINDS[:7]:
        count = fewer if kind == "message" else COUNT
        done = cases(kind, count, "ethereum", lambda keyd, wallet: ethereum(keyd, kind, wallet))
        report(f"{kind} and eth-account", [(answer, of_eth_account(case)) for answer, case in done])
        expected = references([case for _, case in done])
        report(f"{kind} and ethers", [(answer, other[0]) for (answer, _), other in zip(done, expected, strict=True)])
        report(f"{kind} and viem", [(answer, other[1]) for (answer, _), other in zip(done, expected, strict=True)])
    for kind in ("sol", "spl"):
        report(f"{kind} and solders", cases(kind, fewer, "solana", lambda keyd, wallet: solana(keyd, kind, wallet)))
    done = cases("offchain", fewer, "solana", lambda keyd, wallet: (*offchain(keyd, wallet), wallet))
    signed = [str(wallet["keypair"].sign_message(bytes.fromhex(other[0])))
              for (_, _, wallet), other in zip(done, references([case for _, case, _ in done]), strict=True)]
    report("off-chain messages, Solana's library and solders", [(answer, other) for (answer, _, _), other in zip(done, signed, strict=True)])


main()
