"""The real HAProxy behind our stand-in, and a real server behind HAProxy; both on loopback alone."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from churn_serving.cluster import hardened_haproxy
from churn_serving.cluster.hardened_haproxy import Tuning, environment_of
from churn_tests.serving.cluster.ray_itself import FRONTEND, REPLICAS

SLOW_S = 1.0
"""How long the server takes for `/slow`."""


class Replica(NamedTuple):
    """A server behind HAProxy: its port, and the requests that came, each as its headers and `path`."""

    port: int
    requests: list[dict[str, str]]


class _Handler(BaseHTTPRequestHandler):
    """Answers everything with `ok`, and writes down what is no health check."""

    protocol_version = "HTTP/1.1"
    requests: list[dict[str, str]]

    def do_GET(self) -> None:
        if self.path != "/-/healthz":
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.requests.append(headers | {"path": self.path})
            time.sleep(SLOW_S if self.path == "/slow" else 0.0)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET  # noqa: N815  the base class names it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Replica]:
    """Let a server run."""
    requests: list[dict[str, str]] = []
    handler = type("Handler", (_Handler,), {"requests": requests})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Replica(server.server_port, requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class HAProxy(NamedTuple):
    """A running HAProxy."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def tell(self, sent: bytes) -> bytes:
        """Send bytes and return everything that comes until HAProxy closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(sent)
            parts = []
            while part := connection.recv(65_536):
                parts.append(part)
            return b"".join(parts)

    def listening(self) -> set[int]:
        """Return the TCP ports that the process listens on."""
        inodes = set()
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(re.sub(r"socket:\[(\d+)\]", r"\1", str(link.readlink())))
        ports = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{self.process.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
        return ports


def started(rendered: Path, folder: Path, port: int, tuning: Tuning) -> HAProxy:
    """Start the stand-in as Ray starts HAProxy, on a free port.

    Args:
        rendered: the configuration that Ray made.
        folder: for a copy of it and what belongs to it.
        port: of the only replica.
        tuning: limits.
    """
    frontend = free_port()
    text = rendered.read_text().replace(str(FRONTEND), str(frontend))
    for known in REPLICAS:
        text = text.replace(f"127.0.0.1:{known}", f"127.0.0.1:{port}")
    path = folder / "haproxy.cfg"
    path.write_text(text)
    command = [sys.executable, "-S", "-E", str(hardened_haproxy.__file__), "-db", "-f", str(path)]
    process = subprocess.Popen(command, env=os.environ | environment_of(tuning), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not _listens(frontend):
        assert process.poll() is None, "HAProxy has ended"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return HAProxy(process, frontend)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
