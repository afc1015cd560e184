"""A second, independent verifier of a ledger: its chain, its Merkle tree, its checkpoints, its tiles and its proofs.

verify.py DATABASE KEY CHECKPOINT [PROOF...]     0 where everything holds, 4 with a line that says what does not

Written from the public texts alone (RFC 6962, RFC 8032, C2SP signed-note, tlog-checkpoint, tlog-proof) and the format
that docs/ledger.md promises; it shares no line with the suite. Standard library only.
"""

import base64
import hashlib
import re
import sqlite3
import sys

LARGEST_ENTRY = 65535


class Broken(Exception):
    """What does not hold."""


# RFC 6962, section 2.1


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(leaves):
    """The root, by the definition's recursion written as a loop over complete subtrees."""
    stack = []
    for number, leaf in enumerate(leaves):
        while number & 1:
            leaf = node_hash(stack.pop(), leaf)
            number >>= 1
        stack.append(leaf)
    if not stack:
        return hashlib.sha256(b"").digest()
    root = stack.pop()
    while stack:
        root = node_hash(stack.pop(), root)
    return root


def root_from_inclusion(leaf, index, size, proof):
    """The root that a proof leads to: from the top, as the definition divides the tree."""
    if size == 1:
        if proof:
            raise Broken("the proof is too long")
        return leaf
    if not proof:
        raise Broken("the proof is too short")
    half = 1 << ((size - 1).bit_length() - 1)
    if index < half:
        return node_hash(root_from_inclusion(leaf, index, half, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_from_inclusion(leaf, index - half, size - half, proof[:-1]))


# RFC 8032, section 5.1: verification, without care for speed or side channels.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point(data):
    """The point of its 32 bytes."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        raise Broken("a point is not in its one form")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Broken("this is no point of the curve")
    return (P - x if x & 1 != sign else x), y


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P) % P
    return x, y


def times(scalar, base):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, base)
        base = add(base, base)
        scalar >>= 1
    return result


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def check_signature(key, signature, text):
    if len(signature) != 64:
        raise Broken("a signature has 64 bytes")
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        raise Broken("the signature is not in its one form")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    if times(s, BASE) != add(point(signature[:32]), times(h, point(key))):
        raise Broken("the signature does not fit")


# C2SP signed-note and tlog-checkpoint


def read_key(text):
    """Name, id and the 32 bytes of `name+id+base64`."""
    name, digits, encoded = text.strip().split("+", 2)
    data = base64.b64decode(encoded, validate=True)
    if data[0] != 1 or len(data) != 33:
        raise Broken("this is no Ed25519 key")
    if hashlib.sha256(name.encode() + b"\n" + data).digest()[:4].hex() != digits:
        raise Broken("the key's id is another one")
    return name, bytes.fromhex(digits), data[1:]


def open_checkpoint(note, key):
    """Size and root of a checkpoint that the key signed."""
    name, identifier, public = read_key(key)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, encoded = line.split(" ")
        data = base64.b64decode(encoded, validate=True)
        if (dash, signer, data[:4]) == ("\u2014", name, identifier):
            check_signature(public, data[4:], text.encode())
            origin, size, root = text.splitlines()[:3]
            if origin != name or not re.fullmatch("0|[1-9][0-9]*", size):
                raise Broken("the checkpoint is another ledger's, or has no size")
            return int(size), base64.b64decode(root, validate=True)
    raise Broken("the checkpoint is not signed by this key")


# The ledger


def entry_of(columns):
    """The tree's bytes of an event."""
    whole = "|".join(columns).encode()
    if len(whole) <= LARGEST_ENTRY:
        return whole
    digest = hashlib.sha256(columns[4].encode()).hexdigest()
    return "|".join([*columns[:4], f"sha256:{digest}", columns[5]]).encode()


def check_chain(path):
    """The leaves of every event; raises at the first that is not as it was written."""
    leaves, previous = [], "0" * 64
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        rows = database.execute("SELECT id, ts, type, actor, payload, prev_hash, hash FROM events ORDER BY id").fetchall()
        database.close()
    except sqlite3.DatabaseError as error:
        raise Broken(f"the database is broken: {error}") from error
    for expected, row in enumerate(rows, 1):
        number, *texts = row
        if number != expected:
            raise Broken(f"event {expected} is missing")
        if not all(isinstance(text, str) for text in texts):
            raise Broken(f"event {number} holds what is no text")
        when, kind, actor, payload, prev, stored = texts
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when, re.ASCII):
            raise Broken(f"event {number} has no time")
        if not all(re.fullmatch(r"[!-{}~]{1,128}", name) for name in (kind, actor)) or payload.startswith("sha256:"):
            raise Broken(f"event {number} has a form that no event has")
        columns = [str(number), when, kind, actor, payload, prev]
        if prev != previous:
            raise Broken(f"event {number} does not follow the one before it")
        if hashlib.sha256("|".join(columns).encode()).hexdigest() != stored:
            raise Broken(f"event {number} was changed")
        leaves.append(leaf_hash(entry_of(columns)))
        previous = stored
    return leaves


def check_against(leaves, checkpoint, key):
    """That the ledger begins with what the checkpoint covers."""
    size, root = open_checkpoint(checkpoint, key)
    if size > len(leaves):
        raise Broken(f"the ledger ends with event {len(leaves)}, and the checkpoint covers {size}")
    if tree_hash(leaves[:size]) != root:
        raise Broken(f"the first {size} events are not those of the checkpoint")


def check_proof(text, key):
    """The entry that a proof file proves to be in the ledger of this key."""
    proof, _, checkpoint = text.partition("\n\n")
    head, extra, index, *hashes = proof.splitlines()
    if head != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        raise Broken("this is no proof file")
    entry, number = base64.b64decode(extra[6:], validate=True), int(index[6:])
    size, root = open_checkpoint(checkpoint, key)
    if number >= size:
        raise Broken("the proof is about what lies outside the tree")
    hashes = [base64.b64decode(line, validate=True) for line in hashes]
    if root_from_inclusion(leaf_hash(entry), number, size, hashes) != root:
        raise Broken("the proof does not lead to the checkpoint's root")
    if not entry.startswith(f"{number + 1}|".encode()):
        raise Broken("the entry is another event's")
    return entry


def text_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def main(database, key, checkpoint, *proofs):
    try:
        leaves = check_chain(database)
        check_against(leaves, text_of(checkpoint), key)
        for proof in proofs:
            check_proof(text_of(proof), key)
    except (Broken, ValueError) as error:
        print(f"broken: {error}")
        return 4
    print(f"whole: {len(leaves)} events, {len(proofs)} proofs")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
