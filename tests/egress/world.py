"""The world on the other end of the wire: names, web servers, a package index, a registry, and a host that echoes.

Every request that arrives is a line of world.seen: scheme, host, path. What must not arrive must not stand there."""

import asyncio
import base64
import hashlib
import io
import json
import ssl
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

FOLDER = Path(sys.argv[1])
PUBLIC = "93.184.215.14"
NAMES = {
    "good.example": [PUBLIC],
    "evil.example": [PUBLIC],
    "pypi.example": [PUBLIC],
    "npm.example": [PUBLIC],
    "xn--bcher-kva.example": [PUBLIC],
    "loopback.example": ["127.0.0.1"],
    "private.example": ["10.0.0.1"],
    "carrier.example": ["100.64.0.1"],
    "metadata.example": ["169.254.169.254"],
    "mixed.example": [PUBLIC, "127.0.0.1"],
    "own.example": ["93.184.215.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "sixtofour.example": ["2002:7f00:1::1"],
    "six.example": ["2606:2800:21f::14"],
    "zero.example": ["0.0.0.0"],
}
asked = {}


def saw(*words):
    with open(FOLDER / "world.seen", "a", encoding="utf-8") as seen:
        seen.write(" ".join(words) + "\n")


def turns(name):
    return name == "rebind.example" or name.startswith("turn")


def addresses(name):
    """A name's addresses now. rebind.example and turn*.example lead outside when they are asked first, and inside ever after."""
    asked[name] = asked.get(name, 0) + 1
    if turns(name):
        return [PUBLIC] if asked[name] == 1 else ["127.0.0.1"]
    return NAMES.get(name)


class Names(asyncio.DatagramProtocol):
    """A and AAAA, and nothing else of DNS."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        kind = struct.unpack(">H", data[at + 1 : at + 3])[0]
        question = data[12 : at + 5]
        name = ".".join(labels).lower()
        saw("dns", name, str(kind))
        # A name's two questions come together; only one of them counts.
        known = (addresses(name) if kind == 1 else NAMES.get(name, [])) if kind in (1, 28) else []
        records = b""
        count = 0
        for address in known or []:
            six = ":" in address
            if six != (kind == 28):
                continue
            import ipaddress

            packed = ipaddress.ip_address(address).packed
            records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(packed)) + packed
            count += 1
        exists = name in NAMES or turns(name)
        flags = 0x8180 if exists else 0x8183
        self.transport.sendto(data[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + question + records, sender)


def wheel():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("hello_osmoda.py", "VALUE = 1\n")
        archive.writestr("hello_osmoda-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: hello-osmoda\nVersion: 1.0\n")
        archive.writestr("hello_osmoda-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("hello_osmoda-1.0.dist-info/RECORD", "")
    return held.getvalue()


def tarball():
    held = io.BytesIO()
    manifest = json.dumps({"name": "hello-osmoda", "version": "1.0.0", "main": "index.js"}).encode()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name, data in (("package/package.json", manifest), ("package/index.js", b"module.exports = 1\n")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


WHEEL, TARBALL = wheel(), tarball()


def answer(host, path):
    """Status, type and body."""
    if path == "/simple/hello-osmoda/":
        return 200, "text/html", b'<a href="/files/hello_osmoda-1.0-py3-none-any.whl">hello_osmoda-1.0-py3-none-any.whl</a>'
    if path == "/files/hello_osmoda-1.0-py3-none-any.whl":
        return 200, "application/octet-stream", WHEEL
    if path == "/hello-osmoda":
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
        dist = {"tarball": "https://npm.example/hello-osmoda.tgz", "integrity": integrity}
        version = {"name": "hello-osmoda", "version": "1.0.0", "dist": dist}
        document = {"name": "hello-osmoda", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        return 200, "application/json", json.dumps(document).encode()
    if path == "/hello-osmoda.tgz":
        return 200, "application/octet-stream", TARBALL
    return 200, "text/plain", f"fine {host}{path}\n".encode()


def web(scheme):
    async def serve(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
                path = lines[0].split(" ")[1]
                saw(scheme, fields.get("host", "-"), path)
                if "content-length" in fields and "transfer-encoding" in fields:
                    saw("both", fields.get("host", "-"), path)
                await reader.readexactly(int(fields.get("content-length", "0")))
                status, kind, body = answer(fields.get("host", "-"), path)
                writer.write(f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    return serve


class Echo(asyncio.Protocol):
    """Says what it is told. No task of its own: ten thousand of them end at once."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Names, local_addr=("0.0.0.0", 53))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "host.pem", FOLDER / "host.key")
    context.sni_callback = lambda _socket, name, _context: saw("sni", name or "-")
    servers = [
        await asyncio.start_server(web("http"), None, 80, backlog=1000),
        await asyncio.start_server(web("https"), None, 443, ssl=context, backlog=1000),
        await loop.create_server(Echo, None, 7000, backlog=4096),
    ]
    (FOLDER / "world.ready").touch()
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
