"""The agent card as the A2A project's own SDK reads it: every field known to its schema, the signature good, and each
change of the card found.

card.py AGENTCTL SUITE
"""

import base64
import copy
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from a2a.types import AgentCard  # noqa: E402
from a2a.utils.signing import SignatureVerificationError, create_signature_verifier  # noqa: E402
from agentctl import Agentctl, request  # noqa: E402
from checks import Checks  # noqa: E402
from google.protobuf.json_format import ParseDict, ParseError  # noqa: E402
from jwt import PyJWK  # noqa: E402


def protected_header(card):
    text = card["signatures"][0]["protected"]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def verifies(card, jwk):
    verify = create_signature_verifier(lambda kid, jku: PyJWK(jwk, algorithm="EdDSA"), ["EdDSA"])
    try:
        verify(ParseDict(card, AgentCard()))
        return True
    except SignatureVerificationError:
        return False


def main():
    agentctl = Agentctl(sys.argv[1], sys.argv[2])
    checks = Checks("card " + os.path.basename(sys.argv[2]))
    card = agentctl.agent("agent_card")
    status, well_known = request(os.path.join(sys.argv[2], "run/agentd.sock"), "GET", "/.well-known/agent-card.json")
    checks.equal("it is where A2A clients look for it", (status, well_known), (200, card))
    try:
        parsed = ParseDict(card, AgentCard())
    except ParseError as error:
        checks.check("the SDK knows every field", False, error)
        checks.end()
    checks.check("the SDK knows every field", True)
    checks.equal("it is of A2A 1.0", [one.protocol_version for one in parsed.supported_interfaces], ["1.0"])
    checks.check("it has skills with tools", len(parsed.skills) >= 7 and all(skill.tags for skill in parsed.skills))
    checks.check("it names its security schemes", "caller" in parsed.security_schemes)
    extension = parsed.capabilities.extensions[0]
    checks.equal("it carries its registration", extension.uri, "https://eips.ethereum.org/EIPS/eip-8004")
    checks.equal(
        "of the first version", extension.params["type"], "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
    )
    jwk = protected_header(card)["jwk"]
    checks.check("the SDK takes its signature", verifies(card, jwk))
    other = dict(jwk, x=base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode())
    checks.check("a foreign key does not", not verifies(card, other))
    changes = [
        ("name", lambda one: one.update(name="somebody else")),
        ("address", lambda one: one["supportedInterfaces"][0].update(url="https://evil.example")),
        ("skills", lambda one: one["skills"].pop()),
        ("capabilities", lambda one: one["capabilities"].update(streaming=True)),
        ("registration", lambda one: one["capabilities"]["extensions"][0]["params"].update(active=False)),
        ("security schemes", lambda one: one["securitySchemes"].clear()),
    ]
    for name, change in changes:
        changed = copy.deepcopy(card)
        change(changed)
        checks.check(f"a change of its {name} is found", not verifies(changed, jwk))
    checks.end()


main()
