"""keyd over its socket, for those that try it."""

import http.client
import json
import socket


class Keyd(http.client.HTTPConnection):
    """One connection, to the socket at this path."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self.path)

    def call(self, path, body):
        self.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"keyd refused {path} {json.dumps(body)[:600]}: {answer}")
        return answer
