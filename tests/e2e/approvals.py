"""An agent's dangerous acts ask, the operator answers: the whole chain through agentctl alone.

approvals.py AGENTCTL SUITE FOLDER
"""

import os
import shlex
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from agentctl import Agentctl, Refused, request  # noqa: E402
from checks import Checks  # noqa: E402


class Bench:
    """A suite, a folder of the caller's own, and numbered traces that show what ran."""

    def __init__(self, agentctl, suite, folder):
        self.program = agentctl
        self.suite = Agentctl(agentctl, suite)
        self.folder = folder
        self.count = 0

    def trace(self):
        """A new guarded file, which no command may touch without leave, and which shows how often one ran."""
        self.count += 1
        door = os.path.join(self.folder, f"trace-{self.count}", ".ssh")
        os.makedirs(door)
        return os.path.join(door, "authorized_keys")

    def ran(self):
        """How often any command left its trace."""
        doors = (os.path.join(self.folder, f"trace-{number + 1}", ".ssh") for number in range(self.count))
        return sum(lines(os.path.join(door, "authorized_keys")) for door in doors)

    def refusal(self, tool, arguments):
        """The fault that an agent's call is refused with; None where it is not refused."""
        try:
            self.suite.agent(tool, arguments)
        except Refused as refused:
            return refused
        return None

    def code(self, tool, arguments):
        """Its code."""
        refused = self.refusal(tool, arguments)
        return refused.code if refused else "it went through"

    def ask(self, tool, arguments):
        """Tries an act that needs leave, and returns the approval to ask about."""
        refused = self.refusal(tool, arguments)
        if refused is None or refused.code != "approval_required":
            raise AssertionError(f"{tool} {arguments} is not asked for: {refused and refused.envelope}")
        return refused.detail["approval_id"]

    def answer(self, word, approval):
        """The operator's word."""
        done = self.suite.run(word, approval)
        if done.returncode != 0:
            raise AssertionError(f"agentctl {word} {approval} ended with {done.returncode}: {done.stdout}{done.stderr}")

    def status_of(self, approval):
        """How an approval stands."""
        return self.suite.call("approval_check", {"id": approval})["status"]


def lines(path):
    """How often a command left its trace."""
    try:
        with open(path, encoding="utf-8") as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def needs_leave(path):
    """A command that must ask, and only adds a line to a file."""
    return {"command": f"echo ran >> {shlex.quote(path)}"}


def asked_answered_used_once(bench, checks):
    trace = bench.trace()
    act = needs_leave(trace)
    approval = bench.ask("shell_exec", act)
    checks.equal("the same question is not asked twice", bench.ask("shell_exec", act), approval)
    shown = [one["id"] for one in bench.suite.json("approvals")["approvals"]]
    checks.check("agentctl approvals shows what waits", approval in shown, shown)
    checks.equal(
        "before the answer it is no leave",
        bench.code("shell_exec", {**act, "approval_id": approval}),
        "approval_pending",
    )
    bench.answer("approve", approval)
    checks.equal("nothing runs by the answer alone", lines(trace), 0)
    done = bench.suite.agent("shell_exec", {**act, "approval_id": approval})
    checks.equal("after the answer it runs", (done["exit_code"], lines(trace)), (0, 1))
    checks.equal("a second use is refused", bench.code("shell_exec", {**act, "approval_id": approval}), "approval_used")
    checks.equal("and it ran once", lines(trace), 1)
    receipts = bench.suite.call("receipt_list", {"type": "shell_exec"})["receipts"]
    used = [receipt for receipt in receipts if receipt.get("approval_id") == approval]
    checks.check("its receipt names the approval", len(used) == 1 and used[0]["status"] == "completed", used)
    story = bench.suite.run("trace", used[0]["request_id"]).stdout if used else ""
    checks.check(
        "its trace shows intent and outcome", "shell_exec.intent" in story and story.count("shell_exec") > 1, story
    )


def used_once_also_at_the_same_time(bench, checks):
    trace = bench.trace()
    act = needs_leave(trace)
    approval = bench.ask("shell_exec", act)
    bench.answer("approve", approval)
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: bench.code("shell_exec", {**act, "approval_id": approval}), range(8)))
    checks.equal("of eight at once one goes through", codes.count("it went through"), 1)
    checks.equal("the others find it used", codes.count("approval_used"), 7)
    checks.equal("and it ran once", lines(trace), 1)


def bound_to_the_exact_act(bench, checks):
    trace, other = bench.trace(), bench.trace()
    act = needs_leave(trace)
    approval = bench.ask("shell_exec", act)
    bench.answer("approve", approval)
    changed = [
        ("another command", "shell_exec", needs_leave(other)),
        ("a command with more at its end", "shell_exec", {"command": f"{act['command']}; echo ran >> {other}"}),
        ("one space more", "shell_exec", {"command": act["command"] + " "}),
        ("another folder", "shell_exec", {**act, "cwd": bench.folder}),
        ("another time limit", "shell_exec", {**act, "timeout": 1000}),
        (
            "another tool",
            "file_write",
            {"path": os.path.join(bench.suite.folder, "state", "x"), "content": act["command"]},
        ),
    ]
    for name, tool, arguments in changed:
        checks.equal(
            f"{name} is refused", bench.code(tool, {**arguments, "approval_id": approval}), "approval_mismatch"
        )
    checks.equal("nothing of it ran", (lines(trace), lines(other)), (0, 0))
    bench.suite.agent("shell_exec", {**act, "approval_id": approval})
    checks.equal("the exact act still has its leave", lines(trace), 1)


def ids_that_are_none(bench, checks):
    trace = bench.trace()
    act = needs_leave(trace)
    cases = [
        ("an invented id", "apr_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("a word", "yes"),
        ("SQL", "' OR 1=1 --"),
        ("an empty id", ""),
    ]
    for name, approval in cases:
        code = bench.code("shell_exec", {**act, "approval_id": approval})
        checks.check(f"{name} is no leave", code in ("approval_unknown", "invalid_request", "approval_required"), code)
    checks.equal("nothing ran", lines(trace), 0)


def answered_by_operators_alone(bench, checks):
    trace = bench.trace()
    act = needs_leave(trace)
    approval = bench.ask("shell_exec", act)
    checks.equal(
        "an agent can't approve what it asked", bench.code("approval_approve", {"id": approval}), "approval_self"
    )
    by_operator = bench.suite.call("approval_request", {"command": "reboot"})["id"]
    checks.equal("nor what somebody else asked", bench.code("approval_approve", {"id": by_operator}), "forbidden")
    done = bench.suite.run("approve", by_operator)
    checks.check(
        "nor an operator what the operator asked", done.returncode == 1 and "asked" in done.stdout + done.stderr, done
    )
    socket = os.path.join(bench.suite.folder, "run", "agentd.sock")
    status, fault = request(socket, "POST", f"/approval/{approval}/challenge", role="agent")
    checks.equal("nor get a nonce for asking in place", (status, fault.get("code")), (403, "forbidden"))
    checks.equal("it still waits", bench.status_of(approval), "pending")
    checks.equal("nothing ran", lines(trace), 0)


# Runs as an agent's command, and claims to be an operator's.
ASKER = """
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from agentctl import request
status, said = request(sys.argv[2], "POST", f"/approval/{sys.argv[3]}/approve", role="operator")
print(said)
sys.exit(status != 200)
"""


def an_agents_command_is_an_agent(bench, checks):
    """agentd runs it under its own account, which is an operator's; the process is an agent all the same."""
    asker = os.path.join(bench.folder, "asker.py")
    with open(asker, "w", encoding="utf-8") as file:
        file.write(ASKER)
    library = os.path.dirname(os.path.abspath(request.__code__.co_filename))
    socket = os.path.join(bench.suite.folder, "run", "agentd.sock")
    agentctl = f"{bench.program} --dir {bench.suite.folder}"
    ways = [
        ("directly", f"{agentctl} approve @ID@"),
        ("from a shell in a shell", f"sh -c 'sh -c \"{agentctl} approve @ID@\"'"),
        ("in a session of its own", f"setsid --wait {agentctl} approve @ID@"),
        ("orphaned", f"(setsid sh -c 'sleep 1; {agentctl} approve @ID@' &) ; sleep 4"),
        ("with an environment of its own", f"env -i {agentctl} approve @ID@"),
        ("past agentctl, with a claim to be an operator", f"{sys.executable} {asker} {library} {socket} @ID@"),
        ("by the tool", f'{agentctl} call approval_approve --json \'{{"id": "@ID@"}}\''),
    ]
    for name, command in ways:
        trace = bench.trace()
        target = bench.ask("shell_exec", needs_leave(trace))
        act = {"command": command.replace("@ID@", target)}
        try:
            done = bench.suite.agent("shell_exec", act)
        except Refused as refused:
            # The guard already finds it dangerous. With the operator's leave to run it, it is an agent's command still.
            checks.equal(f"{name}: a refusal is for want of leave", refused.code, "approval_required")
            leave = refused.detail.get("approval_id", "")
            bench.answer("approve", leave)
            done = bench.suite.agent("shell_exec", {**act, "approval_id": leave})
        if name != "orphaned":
            said = done["stdout"] + done["stderr"]
            checks.check(f"{name}: it fails", done["exit_code"] != 0, done)
            why = any(word in said for word in ("approval_self", "asked", "role"))
            checks.check(f"{name}: and says why", why, said)
        checks.equal(f"{name}: the approval still waits", bench.status_of(target), "pending")
        checks.equal(f"{name}: nothing ran", lines(trace), 0)


def denied(bench, checks):
    trace = bench.trace()
    act = needs_leave(trace)
    approval = bench.ask("shell_exec", act)
    bench.answer("deny", approval)
    checks.equal(
        "what is denied is refused", bench.code("shell_exec", {**act, "approval_id": approval}), "approval_denied"
    )
    done = bench.suite.run("approve", approval)
    checks.equal("a no is not turned into a yes", (done.returncode, bench.status_of(approval)), (1, "denied"))
    checks.check("the same act may be asked for anew", bench.ask("shell_exec", act) != approval, approval)
    checks.equal("nothing ran", lines(trace), 0)


def files_ask_too(bench, checks):
    state = os.path.join(bench.suite.folder, "state")
    link = os.path.join(bench.folder, "innocent")
    os.symlink(state, link)
    guarded = [
        ("the suite's own state", os.path.join(state, "planted")),
        ("the same by a link", os.path.join(link, "planted")),
        ("the same by dots", os.path.join(state, "..", "state", ".", "planted")),
        ("the password file", "/etc/shadow"),
        ("a key's door", os.path.join(bench.folder, "home", ".ssh", "authorized_keys")),
        ("the kernel", "/proc/sys/kernel/hostname"),
    ]
    for name, path in guarded:
        checks.equal(
            f"writing asks: {name}", bench.code("file_write", {"path": path, "content": "x"}), "approval_required"
        )
    checks.equal(
        "reading asks: the password file", bench.code("file_read", {"path": "/etc/shadow"}), "approval_required"
    )
    checks.check("nothing was written", not os.path.exists(os.path.join(state, "planted")), state)
    door = guarded[4][1]
    act = {"path": door, "content": "ssh-ed25519 AAAA of-nobody\n"}
    approval = bench.ask("file_write", act)
    bench.answer("approve", approval)
    changed = {**act, "content": "ssh-ed25519 BBBB of-somebody-else\n", "approval_id": approval}
    checks.equal("other content is refused", bench.code("file_write", changed), "approval_mismatch")
    bench.suite.agent("file_write", {**act, "approval_id": approval})
    with open(door, encoding="utf-8") as file:
        checks.equal("the exact content is written", file.read(), act["content"])


def operators_need_none(bench, checks):
    trace = bench.trace()
    done = bench.suite.call("shell_exec", needs_leave(trace))
    checks.equal("an operator's act runs at once", (done["exit_code"], lines(trace)), (0, 1))
    events = bench.suite.call("event_log", {"type": "shell_exec.*", "limit": 20})["events"]
    mine = [event["actor"].partition(":")[0] for event in events if trace in str(event["payload"])]
    checks.check("and is recorded as the operator's", mine and set(mine) == {"operator"}, mine)


def ordinary_work_passes(bench, checks):
    own = os.path.join(bench.folder, "own")
    commands = [
        "ls -la /", "grep -rn 'rm -rf /' /etc/hostname || true", "echo 'mkfs /dev/sda; reboot'",
        "for i in 1 2 3; do echo $i; done | sort -r | head -n 1", f"mkdir -p {own} && echo hello > {own}/a.txt",
        f"cat {own}/a.txt | tr a-z A-Z > {own}/b.txt", "ps ax | wc -l", "df -h / | tail -n 1",
        f"test -f {own}/b.txt && wc -c < {own}/b.txt",
    ]  # fmt: skip
    for command in commands:
        code = bench.code("shell_exec", {"command": command})
        checks.check(
            f"ordinary work does not ask: {command.replace(bench.folder, '...')}", code == "it went through", code
        )


def they_outlive_the_suite(bench, checks):
    waiting, answered, spent = (needs_leave(bench.trace()) for _ in range(3))
    ids = [bench.ask("shell_exec", act) for act in (waiting, answered, spent)]
    bench.answer("approve", ids[1])
    bench.answer("approve", ids[2])
    bench.suite.agent("shell_exec", {**spent, "approval_id": ids[2]})
    for word in (("down",), ("up", "--detach")):
        done = bench.suite.run(*word, timeout=90)
        checks.equal(f"agentctl {' '.join(word)}", done.returncode, 0)
    checks.equal("a question still waits", bench.status_of(ids[0]), "pending")
    bench.suite.agent("shell_exec", {**answered, "approval_id": ids[1]})
    checks.equal(
        "a yes still holds, once", bench.code("shell_exec", {**answered, "approval_id": ids[1]}), "approval_used"
    )
    checks.equal(
        "what was used stays used", bench.code("shell_exec", {**spent, "approval_id": ids[2]}), "approval_used"
    )


CASES = [
    asked_answered_used_once, used_once_also_at_the_same_time, bound_to_the_exact_act, ids_that_are_none,
    answered_by_operators_alone, an_agents_command_is_an_agent, denied, files_ask_too, operators_need_none,
    ordinary_work_passes, they_outlive_the_suite,
]  # fmt: skip


def too_late(agentctl, suite, folder):
    """For a suite whose approvals live for two seconds."""
    bench, checks = Bench(agentctl, suite, folder), Checks("too late")
    unanswered, unused = (needs_leave(bench.trace()) for _ in range(2))
    late, approved = (bench.ask("shell_exec", act) for act in (unanswered, unused))
    bench.answer("approve", approved)
    time.sleep(2.5)
    done = bench.suite.run("approve", late)
    checks.equal("a late answer is refused", (done.returncode, bench.status_of(late)), (1, "expired"))
    checks.equal(
        "a late use is refused", bench.code("shell_exec", {**unused, "approval_id": approved}), "approval_expired"
    )
    checks.equal("nothing ran", (bench.count, bench.ran()), (2, 0))
    return checks.status()


def main(agentctl, suite, folder):
    bench = Bench(agentctl, suite, folder)
    failed = 0
    for case in CASES:
        checks = Checks(case.__name__.replace("_", " "))
        try:
            case(bench, checks)
        except (AssertionError, Refused, OSError, KeyError) as error:
            checks.check("it runs to its end", False, f"{type(error).__name__}: {getattr(error, 'envelope', error)}")
        failed |= checks.status()
    return failed


if __name__ == "__main__":
    os.makedirs(sys.argv[3])
    sys.exit((too_late if sys.argv[4:] == ["--too-late"] else main)(*sys.argv[1:4]))
