"""Checks against real servers: HTTP and TLS with good and bad certificates, ports, programs, what the machine measures.

looks.py PROGRAMS AGENTD_SOCKET
"""

import http.server
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from checks import Checks  # noqa: E402
from suite import Suite, script  # noqa: E402


class Answers(http.server.BaseHTTPRequestHandler):
    """Says what its path asks for."""

    def do_GET(self):
        status = 200 if self.path in ("/ok", "/slow") else 500
        if self.path == "/slow":
            time.sleep(4)
        self.send_response(status)
        self.send_header("X-Version", "2.1 green")
        self.end_headers()
        self.wfile.write(b"all is ready")

    def log_message(self, *_words):
        pass


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def certificate(folder, name):
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def main():
    checks = Checks("looks")
    suite = Suite(sys.argv[1], sys.argv[2])
    try:
        good, trusted = certificate(suite.folder, "localhost")
        foreign, _ = certificate(suite.folder, "elsewhere.example")
        plain, tls, other = serve(), serve(good), serve(foreign)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            nobody = unused.getsockname()[1]
        script(suite.folder / "checks/well", 'echo "uid $(id -u) words $1"')
        script(suite.folder / "checks/ill", "echo it is ill; exit 3")
        script(suite.folder / "checks/hangs", f"echo $$ >{suite.folder}/hangs.pid; sleep 600")
        (suite.folder / "hangs.pid").write_text("0")
        (suite.folder / "hangs.pid").chmod(0o666)
        ca, at = str(trusted), f"{suite.folder}/checks"
        http_get, command = {"type": "http_get"}, {"type": "command"}
        cases = [
            ("a page that is well", http_get | {"url": f"http://127.0.0.1:{plain}/ok", "headers": {"x-version": "2.1"}, "body_contains": "ready"}, "ok", "200"),
            ("a page that is not", http_get | {"url": f"http://127.0.0.1:{plain}/no"}, "failing", "500"),
            ("a status that is wanted", http_get | {"url": f"http://127.0.0.1:{plain}/no", "status": 500}, "ok", "500"),
            ("a header that is another", http_get | {"url": f"http://127.0.0.1:{plain}/ok", "headers": {"x-version": "3"}}, "failing", "x-version"),
            ("a body that is another", http_get | {"url": f"http://127.0.0.1:{plain}/ok", "body_contains": "steady"}, "failing", "steady"),
            ("a page that is slow", http_get | {"url": f"http://127.0.0.1:{plain}/slow", "timeout_secs": 1}, "failing", "within 1 s"),
            ("a certificate that is trusted", http_get | {"url": f"https://localhost:{tls}/ok", "ca_file": ca}, "ok", "200"),
            ("a certificate that nobody trusts", http_get | {"url": f"https://localhost:{tls}/ok"}, "failing", "certificate"),
            ("a certificate of somebody else", http_get | {"url": f"https://localhost:{other}/ok", "ca_file": ca}, "failing", "certificate"),
            ("a certificate for another name", http_get | {"url": f"https://127.0.0.1:{tls}/ok", "ca_file": ca}, "failing", "certificate"),
            ("TLS where there is none", http_get | {"url": f"https://localhost:{plain}/ok", "ca_file": ca}, "failing", ""),
            ("a port that is open", {"type": "tcp_port", "port": plain}, "ok", ""),
            ("a port that is not", {"type": "tcp_port", "port": nobody}, "failing", "refused"),
            ("a program that ends well", command | {"argv": [f"{at}/well", "a;b $(c)"]}, "ok", "words a;b $(c)"),
            ("a program as nobody", command | {"argv": [f"{at}/well"]}, "ok", "uid 65534"),
            ("a program that ends badly", command | {"argv": [f"{at}/ill"]}, "failing", "it is ill"),
            ("a program that hangs", command | {"argv": [f"{at}/hangs"], "timeout_secs": 1}, "failing", "in time"),
            ("memory below a bound", {"type": "metric", "metric": "memory_percent", "below": 100.0}, "ok", "memory_percent is"),
            ("a disk above a bound", {"type": "metric", "metric": "disk_percent", "below": 0.001}, "failing", "not below"),
            ("the CPU", {"type": "metric", "metric": "cpu_percent", "below": 100.0}, None, "cpu_percent is"),
        ]
        suite.start()
        for index, (name, check, _, _) in enumerate(cases):
            body = {"name": f"{index}", "check": check, "interval_secs": 1, "failures": 1, "actions": [{"action": "notify", "by": ["log"]}]}
            status, answer = suite.ask("POST", "/watcher/add", body)
            checks.check(f"{name} can be watched", status == 200, answer)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = {one["name"]: one["last_result"] for one in suite.ask("GET", "/watcher/list")[1]["watchers"]}
            if all(one["at"] for one in found.values()):
                break
            time.sleep(0.1)
        for index, (name, _, state, message) in enumerate(cases):
            result = found[f"{index}"]
            right = (state is None or result["state"] == state) and message in result["message"]
            checks.check(f"{name} is seen as it is", right, result)
        pid = (suite.folder / "hangs.pid").read_text().strip()
        checks.check("what hangs is ended with its look", not pathlib.Path(f"/proc/{pid}").exists() or pid == "0", pid)
        for name, body, code in [
            ("a program that is not allowed", {"type": "command", "argv": ["/bin/true"]}, "command_not_allowed"),
            ("a shell's words", {"type": "command", "argv": [f"{at}/../../../bin/sh"]}, "command_not_allowed"),
        ]:
            status, answer = suite.ask("POST", "/watcher/add", {"name": name, "check": body})
            checks.equal(f"{name} is refused", (status, answer["code"]), (403, code))
    finally:
        suite.end()
    checks.end()


main()
