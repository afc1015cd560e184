"""The reference of services.osmoda as a page, from the list of options on standard input."""

import json
import sys

page = """# NixOS options

Generated from `nix/modules` by `tests/nix/run.sh --generate`; how to use them is in [nixos.md](nixos.md).
"""
for option in json.load(sys.stdin):
    page += f"\n## `{option['name']}`\n\n{option['description']}\n"
    facts = [f"Type: {option['type']}."]
    if option["readOnly"]:
        facts.append("It can only be read.")
    facts += [f"{word.capitalize()}: `{option[word]}`." for word in ("default", "example") if option[word] is not None]
    page += "\n" + " ".join(facts) + "\n"
sys.stdout.write(page)
