"""What goes through egress and what does not, from the machine's side of the wire."""

import json
import os
import resource
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from agentctl import Agentctl
from checks import Checks

AGENTCTL, SUITE, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
PROXY = ("127.0.0.1", 19999)
SOCKET = f"{SUITE}/run/egress/proxy.sock"
suite, checks = Agentctl(AGENTCTL, SUITE), Checks("egress")
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def mint(*permissions, ttl=3600):
    return suite.json("capability", "mint", "test", *permissions, "--ttl", str(ttl))


def seen():
    path = FOLDER / "world.seen"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def head_of(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        part = stream.recv(4096)
        if not part:
            break
        data += part
    return data.decode("latin-1")


def code_of(answer):
    for line in answer.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "x-osmoda-code":
            return value.strip()
    return answer[9:12]


def connect(to, token, raw=None):
    """A connection to the proxy and its answer to CONNECT."""
    stream = socket.create_connection(PROXY, timeout=30)
    field = f"Proxy-Authorization: Bearer {token}\r\n" if token else ""
    stream.sendall(raw if raw is not None else f"CONNECT {to} HTTP/1.1\r\n{field}\r\n".encode())
    return stream, head_of(stream)


def refusal(to, token):
    stream, answer = connect(to, token)
    stream.close()
    return code_of(answer)


def at_end(stream):
    """Everything until the other end hangs up."""
    data = b""
    try:
        while part := stream.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def vector(data):
    return struct.pack(">H", len(data)) + data


def client_hello(name, more=b""):
    names = b"" if name is None else vector(b"")[:0] + b"\0\0" + vector(vector(b"\0" + vector(name.encode())))
    body = b"\3\3" + bytes(32) + b"\0" + vector(b"\x13\x01") + b"\1\0" + vector(names + more)
    return b"\x16\3\1" + vector(b"\1" + struct.pack(">I", len(body))[1:] + body)


HOSTS = ["good", "pypi", "npm", "six", "loopback", "private", "carrier", "metadata", "mixed", "own", "mapped"]
HOSTS += ["nat64", "sixtofour", "zero", "rebind", "nowhere", "bücher"]
minted = mint(*[f"net:{name}.example" for name in HOSTS], "net:*.wild.example", "net:good.example:7000")
token = minted["token"]
for _ in range(200):
    state = suite.json("egress", "status")
    if state["key_known"] and "127.0.0.1:19999" in state["listening"]:
        break
    time.sleep(0.05)
checks.equal("it is up, listens and knows agentd's key", state["status"], "ok")
proxy = f"http://x:{token}@127.0.0.1:19999"


def run(*command, folder=None, environment=None):
    # What this machine says of proxies and authorities is not this world's.
    ours = ("PIP_", "REQUESTS_", "CURL_", "SSL_", "NODE_", "NPM_CONFIG_", "npm_config_")
    clean = {key: value for key, value in os.environ.items() if "proxy" not in key.lower() and not key.startswith(ours)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=folder, stdin=subprocess.DEVNULL,
        env={**clean, **(environment or {})}, check=False,
    )


# curl, pip and npm: with nothing but the proxy's address and the token in it.
curl = ["curl", "--silent", "--show-error", "--max-time", "20", "--cacert", str(FOLDER / "ca.pem"), "--proxy", proxy]
for url in ("https://good.example/a", "http://good.example/b", "https://GOOD.Example/c", "https://xn--bcher-kva.example/d"):
    done = run(*curl, url)
    checks.check(f"curl reaches {url}", done.returncode == 0 and done.stdout.startswith("fine "), done.stderr)
done = run(*curl, "http://six.example/six")
checks.check("curl reaches an IPv6 host", done.stdout.startswith("fine "), done.stderr)
done = run(*curl, "--data", "x" * 5000, "http://good.example/post")
checks.check("curl posts", done.stdout.startswith("fine "), done.stderr)
done = run(*curl, "https://evil.example/")
checks.check("curl does not reach another host", done.returncode != 0 and "403" in done.stderr, done.stdout + done.stderr)
done = run(*curl[:-1], "http://127.0.0.1:19999", "https://good.example/")
checks.check("curl without a token is asked for one", done.returncode != 0 and "407" in done.stderr, done.stderr)
relay = run("curl", "--silent", "--max-time", "20", "--cacert", str(FOLDER / "ca.pem"), "--unix-socket", SOCKET,
            "--header", f"Proxy-Authorization: Bearer {token}", "--request-target", "http://good.example/unix", "http://good.example/")
checks.check("the Unix socket speaks the same", relay.stdout.startswith("fine "), relay.stdout + relay.stderr)
run(sys.executable, "-m", "venv", str(FOLDER / "venv"))
pip = run(str(FOLDER / "venv/bin/pip"), "--isolated", "--disable-pip-version-check", "install", "--proxy", proxy, "--cert",
          str(FOLDER / "ca.pem"), "--index-url", "https://pypi.example/simple", "hello-osmoda",
          environment={"PIP_CONFIG_FILE": "/dev/null", "HOME": str(FOLDER)})
checks.check("pip installs through it", pip.returncode == 0 and "hello-osmoda-1.0" in pip.stdout, pip.stdout + pip.stderr)
project = FOLDER / "project"
project.mkdir()
(project / "package.json").write_text('{"private": true}')
npm = run("npm", "install", "--registry", "https://npm.example/", "--proxy", proxy, "--https-proxy", proxy, "--cafile",
          str(FOLDER / "ca.pem"), "--no-audit", "--no-fund", "--userconfig", "/dev/null", "--cache", str(FOLDER / "npm"),
          "hello-osmoda", folder=project)
checks.check("npm installs through it", (project / "node_modules/hello-osmoda/index.js").exists(), npm.stdout + npm.stderr)

# Where names lead: every address is judged, and nothing is asked of a host that may not be reached.
before = len(seen())
for name, code in {
    "loopback": "address_refused", "private": "address_refused", "carrier": "address_refused", "mixed": "address_refused",
    "own": "address_refused", "mapped": "address_refused", "sixtofour": "address_refused", "zero": "address_refused",
    "metadata": "metadata_refused", "nat64": "metadata_refused", "nowhere": "name_unresolved",
}.items():
    checks.equal(f"{name}.example is refused", refusal(f"{name}.example:443", token), code)
checks.check("nothing but names was asked for meanwhile", all(line.startswith("dns ") for line in seen()[before:]), seen()[before:])
before = len(seen())
refusal("secret-data.evil.example:443", token)
checks.equal("a name that is not allowed is not even looked up", seen()[before:], [])

# A name that leads outside first and inside then: the address that was judged is the one that was connected to.
stream, answer = connect("rebind.example:443", token)
checks.equal("a name that leads outside is connected to", answer[9:12], "200")
stream.close()
time.sleep(11)
checks.equal("and refused when it leads inside", refusal("rebind.example:443", token), "address_refused")

# Spellings.
literals = mint("net:127.0.0.1", "net:[::1]", "net:93.184.215.14", "net:169.254.169.254", "net:10.0.0.1")["token"]
for to, code in {
    "good.example.:443": "200", "GOOD.EXAMPLE:443": "200", "xn--bcher-kva.example:443": "200", "bücher.example:443": "200",
    "good.example..:443": "bad_host", "good.example:443:443": "bad_host", "user@good.example:443": "bad_host",
    "good.example@evil.example:443": "bad_host", "evil.example#good.example:443": "bad_host",
    "evil.example/good.example:443": "bad_host", "good.example%2eevil.example:443": "bad_host",
    "good.example": "bad_request", "good.example:0": "bad_host", "good.example:22": "host_not_allowed",
    "sub.good.example:443": "host_not_allowed", "wild.example:443": "host_not_allowed", "evilgood.example:443": "host_not_allowed",
    "2130706433:443": "bad_host", "0x7f000001:443": "bad_host", "0177.0.0.1:443": "bad_host", "127.1:443": "bad_host",
    "0x7f.1:443": "bad_host", "①②⑦.0.0.1:443": "address_refused", "[::1]:443": "address_refused", "[::ffff:7f00:1]:443": "address_refused",
    "[::ffff:127.0.0.1]:443": "address_refused", "[::1%lo]:443": "bad_host", "::1:443": "bad_host", "127.0.0.1:443": "address_refused",
    "169.254.169.254:80": "metadata_refused", "10.0.0.1:443": "address_refused", "93.184.215.14:443": "200",
}.items():
    literal = to[0] in "[①" or to.replace(":", "").replace(".", "").isdigit()
    checks.equal(f"CONNECT {to}", refusal(to, literals if literal else token), code)

# What a tunnel says first.
before = len([line for line in seen() if not line.startswith("dns ")])
ech = struct.pack(">H", 0xFE0D) + vector(bytes(40))
for what, first, alert in (
    ("another server's name", client_hello("evil.example"), 112),
    ("a name below the host's", client_hello("good.example.evil.example"), 112),
    ("no name", client_hello(None), 109),
    ("an encrypted ClientHello", client_hello("good.example", ech), 49),
    ("two names", client_hello("good.example", b"\0\0" + vector(vector(b"\0" + vector(b"evil.example")))), 50),
    ("plain HTTP", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", None),
    ("SSH", b"SSH-2.0-x\r\n", None),
):
    stream, answer = connect("good.example:443", token)
    stream.sendall(first)
    said = at_end(stream)
    checks.equal(f"a tunnel that begins with {what} ends", said[-1] if said else None, alert)
checks.equal("and none of it arrived", len([line for line in seen() if not line.startswith("dns ")]), before)
context = ssl.create_default_context(cafile=str(FOLDER / "ca.pem"))
left, right = ssl.MemoryBIO(), ssl.MemoryBIO()
whole = context.wrap_bio(left, right, server_hostname="good.example")
stream, _ = connect("good.example:443", token)
stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    try:
        whole.do_handshake()
        break
    except ssl.SSLWantReadError:
        for byte in right.read():
            stream.sendall(bytes([byte]))
        left.write(stream.recv(65536))
checks.equal("a ClientHello in packets of one byte is put together", whole.version()[:4], "TLSv")
stream.close()
try:
    stream, _ = connect("good.example:443", token)
    context.wrap_socket(stream, server_hostname="evil.example")
    told = "no error"
except ssl.SSLError as error:
    told = str(error)
checks.check("a TLS library is told why", "UNRECOGNIZED_NAME" in told.upper().replace(" ", "_"), told)

# Heads that two readers could read differently.
auth = f"Proxy-Authorization: Bearer {token}\r\n"
for what, raw in {
    "two Hosts": f"CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\nHost: evil.example\r\n{auth}\r\n",
    "another Host": f"CONNECT good.example:443 HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n",
    "a bare line feed": f"CONNECT good.example:443 HTTP/1.1\r\nX: y\nHost: evil.example\r\n{auth}\r\n",
    "a folded line": f"CONNECT good.example:443 HTTP/1.1\r\n{auth}X: y\r\n z\r\n\r\n",
    "a body": f"CONNECT good.example:443 HTTP/1.1\r\n{auth}Content-Length: 10\r\n\r\n",
    "chunks": f"CONNECT good.example:443 HTTP/1.1\r\n{auth}Transfer-Encoding: chunked\r\n\r\n",
    "two tokens": f"CONNECT good.example:443 HTTP/1.1\r\n{auth}{auth}\r\n",
    "a space before the colon": f"CONNECT good.example:443 HTTP/1.1\r\nHost : evil.example\r\n{auth}\r\n",
    "two targets": f"CONNECT good.example:443 evil.example:443 HTTP/1.1\r\n{auth}\r\n",
}.items():
    stream, answer = connect(None, None, raw.encode())
    stream.close()
    checks.equal(f"a head with {what} is refused", answer[9:12], "400")
stream, answer = connect(None, None, b"CONNECT good.example:443 HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n")
checks.equal("a head without measure is refused", answer[9:12], "431")
slow = socket.create_connection(PROXY, timeout=60)
slow.sendall(b"CONNECT good.ex")
crowd = [socket.create_connection(PROXY, timeout=60) for _ in range(1000)]
checks.equal("while a crowd says nothing, others are served", refusal("good.example:443", token), "200")
checks.equal("a head that does not come is given up", code_of(head_of(slow)), "head_too_slow")
for stream in crowd:
    stream.close()

# A revoked token.
times = []
for _ in range(3):
    given = mint("net:good.example:7000")
    open_ones = [connect("good.example:7000", given["token"])[0] for _ in range(20)]
    for stream in open_ones:
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
    began = time.monotonic()
    suite.json("capability", "revoke", given["id"])
    for stream in open_ones:
        assert at_end(stream) == b""
    times.append(time.monotonic() - began)
print(f"# a revoked token's 20 tunnels were cut {min(times) * 1000:.0f} ms after the command began", flush=True)
checks.check("a revoked token's tunnels are cut within a second", min(times) < 1, times)
checks.equal("and no new one opens", refusal("good.example:7000", given["token"]), "token_revoked")
# A crowd's refusals are counted and not told one by one: what is looked for comes after they were told.
time.sleep(3)
refusal("good.example:7000", given["token"])
foreign = token[:-20] + ("A" * 20)
checks.equal("a token that agentd did not sign opens nothing", refusal("good.example:443", foreign), "token_foreign")
stranger = mint("net:other.example")
refusal("good.example:443", stranger["token"])
refusal("0x7f.1:443", stranger["token"])
wanted = {("host_not_allowed", stranger["id"]), ("bad_host", stranger["id"]), ("token_revoked", given["id"]), ("token_foreign", None)}


def refused():
    events = suite.json("events", "--type", "egress.connections", "--limit", "1000")
    events = events["events"] if isinstance(events, dict) else events
    return {(one["code"], one["token"]) for event in events for one in event["payload"].get("refused", [])}


for _ in range(100):
    if wanted <= refused():
        break
    time.sleep(0.2)
checks.equal("a refusal is recorded with its token, where that is genuine", wanted - refused(), set())

# Ten thousand that say nothing. What a busy machine adds is not egress's: the best of three counts.
pid = int(Path(f"{SUITE}/run/egress.pid").read_text(encoding="utf-8"))
count = min(10_000, (hard - 200) // 2)
if count < 10_000:
    print(f"# only {hard} descriptors may be open here: {count} tunnels are tried", flush=True)


def resident():
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def cut(crowd, token_id):
    """Seconds from the command's beginning to the last tunnel's end."""
    ends = select.epoll()
    for stream in crowd:
        ends.register(stream, select.EPOLLRDHUP | select.EPOLLET)
    open_ones = {stream.fileno() for stream in crowd}
    began = time.monotonic()
    revoking = threading.Thread(target=suite.json, args=("capability", "revoke", token_id))
    revoking.start()
    while open_ones and time.monotonic() < began + 60:
        open_ones.difference_update(number for number, _ in ends.poll(1, count))
    took = time.monotonic() - began
    revoking.join()
    for stream in crowd:
        stream.close()
    return took if not open_ones else float("inf")


times = []
while len(times) < 3 and min(times, default=1) >= 1:
    for _ in range(300):
        if suite.json("egress", "status")["open"] == 0:
            break
        time.sleep(0.1)
    given = mint("net:good.example:7000")
    crowd = [connect("good.example:7000", given["token"])[0] for _ in range(count)]
    if not times:
        print(f"# {count} idle tunnels: {resident()} kB resident", flush=True)
        checks.equal(f"{count} idle tunnels are open", suite.json("egress", "status")["open"], count)
        checks.equal("and one more is served", refusal("good.example:443", token), "200")
    times.append(cut(crowd, given["id"]))
print(f"# all {count} of them were cut {min(times) * 1000:.0f} ms after the command began", flush=True)
checks.check(f"all of a revoked token's {count} tunnels are cut within a second", min(times) < 1, times)
for _ in range(100):
    ended = suite.json("events", "--type", "egress.connections", "--limit", "1000")
    events = ended["events"] if isinstance(ended, dict) else ended
    told = sum(1 for event in events for one in event["payload"]["connections"] if one["token"] == given["id"])
    if told >= count:
        break
    time.sleep(0.2)
checks.equal("the end of each is in the ledger", told, count)
checks.check("many ends in one event", len(events) < count / 50, len(events))
checks.equal("the ledger holds", suite.run("verify-ledger").returncode, 0)
text = json.dumps(events)
checks.check("and no token's text", token[30:90] not in text and given["token"][30:90] not in text)
checks.end()
