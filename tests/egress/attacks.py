"""The tricks of a hostile client against egress, squid and tinyproxy, all of one run, as a table of Markdown.

    attacks.py AGENTCTL SUITE FOLDER TABLE SQUID TINYPROXY

Each proxy may let out the same names to port 443 and 80, on a list as it has lists: egress a token's, squid dstdomain with
Debian's own rules around it, tinyproxy a filter that denies by default. What each is asked here it should not do.
"""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from agentctl import Agentctl

AGENTCTL, SUITE, FOLDER, TABLE, SQUID, TINYPROXY = sys.argv[1:]
FOLDER = Path(FOLDER)
NAMES = ["good", "loopback", "private", "carrier", "metadata", "mixed", "own", "mapped", "nat64", "sixtofour", "zero", "turn-egress", "turn-squid", "turn-tinyproxy"]
ALLOWED = [f"{name}.example" for name in NAMES]
PATIENCE = 8


def seen():
    path = FOLDER / "world.seen"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def vector(data):
    return struct.pack(">H", len(data)) + data


def client_hello(name, more=b""):
    names = b"" if name is None else b"\0\0" + vector(vector(b"\0" + vector(name.encode())))
    body = b"\3\3" + bytes(32) + b"\0" + vector(b"\x13\x01") + b"\1\0" + vector(names + more)
    return b"\x16\3\1" + vector(b"\1" + struct.pack(">I", len(body))[1:] + body)


class Proxy:
    """A proxy and how it is spoken to."""

    def __init__(self, name, port, field=""):
        self.name, self.port, self.field = name, port, field

    def send(self, raw):
        stream = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        stream.sendall(raw)
        return stream

    def ask(self, raw):
        """The connection, and the answer's status."""
        stream = self.send(raw)
        data = b""
        try:
            while b"\r\n\r\n" not in data and (part := stream.recv(4096)):
                data += part
        except OSError:
            pass
        status = re.match(rb"HTTP/1\.\d (\d{3})", data)
        return stream, int(status[1]) if status else 0

    def connect(self, to, fields=""):
        return self.ask(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{self.field}{fields}\r\n".encode())


DENIED = ("denied", "")


def through(how):
    return ("through", how)


def opens(proxy, to):
    """Whether a tunnel to there opens; a proxy that tried and found nobody has tried."""
    stream, status = proxy.connect(to)
    stream.close()
    if status == 200:
        return through("connected")
    return through("tried to connect") if status in (502, 503, 504) or status == 500 else DENIED


def says(to, first, reached):
    """Whether what is said first in a tunnel arrives: `reached` finds it in what the world saw, or in what came back."""

    def attack(proxy):
        before = len(seen())
        stream, status = proxy.connect(to)
        if status != 200:
            stream.close()
            return DENIED
        back = b""
        try:
            stream.sendall(first)
            stream.settimeout(2)
            while len(back) < 4096 and (part := stream.recv(4096)):
                back += part
        except OSError:
            pass
        stream.close()
        time.sleep(0.2)
        return through("it arrived") if reached(seen()[before:], back) else DENIED

    return attack


def head(raw, reached):
    """Whether a head that two readers read differently is answered as if it were one."""

    def attack(proxy):
        before = len(seen())
        stream, status = proxy.ask(raw.replace("AUTH\r\n", proxy.field).encode())
        stream.close()
        time.sleep(0.2)
        return through("taken") if reached(status, seen()[before:]) else DENIED

    return attack


def turn(proxy):
    """Asks for a name that leads outside this once."""
    proxy.turned = time.monotonic()
    stream, _ = proxy.connect(f"turn-{proxy.name}.example:443")
    stream.close()


def rebinds(proxy):
    """The same name, when no cache holds it any more (squid's holds a minute): it leads inside now, where who connects is hung up on."""
    time.sleep(max(0.0, proxy.turned + 70 - time.monotonic()))
    stream, status = proxy.connect(f"turn-{proxy.name}.example:443")
    if status != 200:
        stream.close()
        return DENIED
    stream.settimeout(2)
    try:
        inside = stream.recv(1) == b""
    except TimeoutError:
        inside = False
    except OSError:
        inside = True
    stream.close()
    return through("connected inside") if inside else DENIED


def crowd(proxy):
    """A thousand clients that say nothing; the next one has work to do."""
    silent, status = [], 0
    for _ in range(1000):
        stream = socket.socket()
        stream.settimeout(1)
        silent.append(stream)
        try:
            stream.connect(("127.0.0.1", proxy.port))
        except OSError:
            # No place is left for more: then it is what it is.
            break
    try:
        stream, status = proxy.connect("good.example:443")
        stream.close()
    except OSError:
        pass
    for stream in silent:
        stream.close()
    return DENIED if status == 200 else through("nobody else is served")


def outlasts(proxy):
    """Leave is taken back while a tunnel is open."""
    stream, status = proxy.connect("good.example:443")
    if status != 200:
        return ("?", f"status {status}")
    # Nothing was said in it: the other end waits.
    proxy.take_back()
    stream.settimeout(3)
    try:
        while stream.recv(4096):
            pass
        cut = True
    except ConnectionResetError:
        cut = True
    except OSError:
        cut = False
    stream.close()
    try:
        again, status = proxy.connect("good.example:443")
        again.close()
    except OSError:
        return through("the proxy ended")
    if status == 200:
        return through("it lets out as before")
    return DENIED if cut else through("the tunnel stayed")


def arrived(kind, name):
    return lambda lines, _back: any(line.split()[:2] == [kind, name] for line in lines)


ECH = struct.pack(">H", 0xFE0D) + vector(bytes(40))
INSIDE = {
    "a name that leads to the loopback": "loopback", "a name that leads to a private address": "private",
    "a name that leads to carrier NAT": "carrier", "a name that leads to the metadata address": "metadata",
    "a name with a good and a bad address": "mixed", "a name of this machine's own address": "own",
    "a name with an IPv4-mapped address": "mapped", "a name with a NAT64 address": "nat64",
    "a name with a 6to4 address": "sixtofour", "a name that leads to 0.0.0.0": "zero",
}
ROWS = {
    **{what: (lambda proxy, name=name: opens(proxy, f"{name}.example:443")) for what, name in INSIDE.items()},
    **{
        f"CONNECT {to}": (lambda proxy, to=to: opens(proxy, to))
        for to in ("127.0.0.1:443", "2130706433:443", "0x7f000001:443", "0177.0.0.1:443", "127.1:443", "[::ffff:127.0.0.1]:443", "169.254.169.254:443", "evil.example:443", "good.example:25")
    },
    "another server's name in the tunnel (fronting)": says("good.example:443", client_hello("evil.example"), arrived("sni", "evil.example")),
    "no server's name": says("good.example:443", client_hello(None), lambda lines, back: bool(back[:1] == b"\x16" or any(line.startswith("sni -") for line in lines))),
    "an encrypted ClientHello": says("good.example:443", client_hello("good.example", ECH), arrived("sni", "good.example")),
    "plain HTTP for another host in a tunnel": says("good.example:80", b"GET /tunnel HTTP/1.1\r\nHost: evil.example\r\n\r\n", arrived("http", "evil.example")),
    "another protocol in a tunnel to 443": says("good.example:443", b"SSH-2.0-x\r\n" + bytes(300), lambda _lines, back: back[:2] == b"\x15\3"),
    "CONNECT with Host of another": head("CONNECT good.example:443 HTTP/1.1\r\nHost: evil.example\r\nAUTH\r\n\r\n", lambda status, _: status == 200),
    "CONNECT with two Hosts": head("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\nHost: evil.example\r\nAUTH\r\n\r\n", lambda status, _: status == 200),
    "CONNECT with a bare line feed": head("CONNECT good.example:443 HTTP/1.1\r\nX: y\nHost: evil.example\r\nAUTH\r\n\r\n", lambda status, _: status == 200),
    "CONNECT with a folded line": head("CONNECT good.example:443 HTTP/1.1\r\nAUTH\r\nX: y\r\n z\r\n\r\n", lambda status, _: status == 200),
    "CONNECT with a body": head("CONNECT good.example:443 HTTP/1.1\r\nAUTH\r\nContent-Length: 10\r\n\r\n", lambda status, _: status == 200),
    "CONNECT with a space before a colon": head("CONNECT good.example:443 HTTP/1.1\r\nHost : evil.example\r\nAUTH\r\n\r\n", lambda status, _: status == 200),
    "a request with Host of another": head("GET http://good.example/x HTTP/1.1\r\nHost: evil.example\r\nAUTH\r\n\r\n", lambda _, lines: any(line.startswith("http evil.example") for line in lines)),
    "a request with two lengths": head("POST http://good.example/x HTTP/1.1\r\nHost: good.example\r\nAUTH\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello", lambda _, lines: any(line.startswith("http ") for line in lines)),
    "a request with length and chunks, passed on with both": head("POST http://good.example/x HTTP/1.1\r\nHost: good.example\r\nAUTH\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", lambda _, lines: any(line.startswith("both ") for line in lines)),
    "a user in the address": head("GET http://good.example:80@evil.example/x HTTP/1.1\r\nHost: evil.example\r\nAUTH\r\n\r\n", lambda _, lines: any(line.startswith("http ") for line in lines)),
    "a thousand clients that say nothing": crowd,
    "a name that leads inside the second time": rebinds,
    "an open tunnel, once its leave is taken back": outlasts,
}


class Egress(Proxy):
    def __init__(self):
        self.suite = Agentctl(AGENTCTL, SUITE)
        given = self.suite.json("capability", "mint", "table", *[f"net:{name}" for name in ALLOWED], "--ttl", "3600")
        self.id = given["id"]
        super().__init__("egress", 19999, f"Proxy-Authorization: Bearer {given['token']}\r\n")

    def take_back(self):
        self.suite.json("capability", "revoke", self.id)

    def end(self):
        pass


class Peer(Proxy):
    """A program with a file of settings; what takes leave back is a new file and SIGHUP."""

    def __init__(self, name, port, command, settings):
        super().__init__(name, port)
        self.settings, self.file = settings, FOLDER / f"{name}.settings"
        self.file.write_text(settings(ALLOWED), encoding="utf-8")
        self.process = subprocess.Popen([*command, str(self.file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{name} did not come up")

    def take_back(self):
        self.file.write_text(self.settings(["nobody.example"]), encoding="utf-8")
        self.process.send_signal(signal.SIGHUP)
        time.sleep(2)

    def end(self):
        self.process.kill()
        self.process.wait()


def squid():
    share = FOLDER / "squid"
    share.mkdir()
    share.chmod(0o755)
    FOLDER.chmod(0o755)
    shutil.copytree(Path(SQUID).parent / "usr/share/squid", share / "share")

    def settings(names):
        # Debian's rules, with a list of names in place of its localnet.
        return "\n".join([
            "http_port 127.0.0.1:3128", f"acl allowed dstdomain {' '.join(names)}", "acl SSL_ports port 443", "acl Safe_ports port 80 443",
            "http_access deny !Safe_ports", "http_access deny CONNECT !SSL_ports", "http_access deny to_localhost",
            # Predefined from squid 6 on.
            "acl linklocal dst 169.254.0.0/16 fe80::/10", "http_access deny linklocal", "http_access allow allowed", "http_access deny all", "cache deny all", "access_log none",
            "cache_store_log none", "cache_log /dev/null", "pid_filename none", f"mime_table {share}/share/mime.conf",
            f"error_directory {share}/share/errors/templates", f"icon_directory {share}/share/icons", "coredump_dir none", "pinger_enable off",
            "unlinkd_program /bin/true", "shutdown_lifetime 0 seconds", "max_filedescriptors 4096", "connect_timeout 3 seconds", "",
        ])

    return Peer("squid", 3128, [SQUID, "-N", "-f"], settings)


def tinyproxy():
    names = FOLDER / "tinyproxy.names"

    def settings(allowed):
        names.write_text("".join(f"^{re.escape(name)}$\n" for name in allowed), encoding="utf-8")
        return "\n".join([
            "Port 8888", "Listen 127.0.0.1", "Timeout 600", "MaxClients 100", "LogLevel Critical", f'Filter "{names}"', "FilterDefaultDeny Yes",
            "FilterExtended Yes", "ConnectPort 443", "",
        ])

    return Peer("tinyproxy", 8888, [TINYPROXY, "-d", "-c"], settings)


def loopback(family, address):
    """What is inside: it takes whatever connects."""
    door = socket.socket(family)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((address, 443))
    door.listen(100)

    def serve():
        while True:
            door.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()


def version(package):
    found = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    candidate = re.search(r"Candidate: (\S+)", found)
    return f"{package} {candidate[1] if candidate else ''}"


def main():
    loopback(socket.AF_INET, "0.0.0.0")
    contenders = [Egress(), squid(), tinyproxy()]
    lines = [f"<!-- Made by tests/egress/run.sh --table: one run of every contender. Debian's {version('squid')}, {version('tinyproxy')} -->", ""]
    lines += ["| attack | " + " | ".join(one.name for one in contenders) + " |", "|---|" + "---|" * len(contenders)]
    counts = {one.name: 0 for one in contenders}
    failed = []
    try:
        for one in contenders:
            stream, status = one.connect("good.example:443")
            stream.close()
            if status != 200:
                sys.exit(f"{one.name} does not let out what it should: {status}")
            turn(one)
        for name, attack in ROWS.items():
            cells = []
            for one in contenders:
                verdict, how = attack(one)
                counts[one.name] += verdict == "denied"
                cells.append("denied" if verdict == "denied" else f"**{verdict}**: {how}")
            if cells[0] != "denied":
                failed.append(f"{name}: {cells[0]}")
            print(("ok    " if cells[0] == "denied" else "FAIL  ") + f"egress: {name}: {cells}", flush=True)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    finally:
        for one in contenders:
            one.end()
    lines.append("| **denied** | " + " | ".join(f"**{counts[one.name]} of {len(ROWS)}**" for one in contenders) + " |")
    Path(TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(1 if failed else 0)


os.environ["NO_COLOR"] = "1"
main()
