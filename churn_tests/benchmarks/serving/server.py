"""Starts a server as a person would, waits until it answers, and never leaves a process of it behind."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from churn_tests.benchmarks.serving import processes
from churn_tests.benchmarks.serving.sender import HOST

ROOT = Path(__file__).resolve().parents[3]
TAIL = 3_000


class ServerError(Exception):
    """A server did not come up or did not do what was asked; the sentence ends with what it last said."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    port: int
    pid: int
    mark: str

    def memory(self) -> processes.Memory:
        """Return what its whole tree of processes holds now."""
        return processes.memory(processes.tree(self.pid, self.mark))


@contextmanager
def started(
    command: Sequence[str],
    port: int,
    ready: Callable[[], bool],
    *,
    variables: Mapping[str, str] | None = None,
    startup: float = 60.0,
    farewell: float = 10.0,
) -> Iterator[Server]:
    """Start a server, wait until it is ready, and end it and all its processes afterwards.

    Args:
        command: its command line.
        port: where it will listen on this machine.
        ready: whether it answers by now.
        variables: environment variables beside this process's.
        startup: seconds that it may take to be ready.
        farewell: seconds that it has after SIGTERM before all its processes are killed.

    Raises:
        ServerError: it ended or was not ready in time.
    """
    mark = uuid.uuid4().hex
    environment = {**os.environ, "PATH": _path(), **(variables or {}), processes.MARK: mark}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            list(command),
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            _wait(process, ready, startup, said)
            yield Server(port, process.pid, mark)
        finally:
            _end(process, mark, farewell)


def answers(port: int, path: str, headers: Mapping[str, str] | None = None) -> bool:
    """Tell whether a GET is answered with 200 now."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _path() -> str:
    """Return a PATH on which the environment's own commands are found, active or not."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def _wait(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], seconds: float, said: IO[bytes]
) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise ServerError(f"the server ended with {process.returncode}:\n{_tail(said)}")
        if time.monotonic() > deadline:
            raise ServerError(f"the server was not ready within {seconds:.0f} s:\n{_tail(said)}")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes], mark: str, farewell: float) -> None:
    """Ask the server to end, then kill whatever is left of it."""
    members = processes.tree(process.pid, mark)
    process.terminate()
    try:
        process.wait(farewell)
    except subprocess.TimeoutExpired:
        members = processes.tree(process.pid, mark)
        process.kill()
        process.wait()
    processes.kill(members + processes.tree(process.pid, mark))


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace")[-TAIL:]
