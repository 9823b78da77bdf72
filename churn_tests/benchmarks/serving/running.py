"""The real service of a home, started as its user starts it, and what can be done to it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_assets.adapters.home import Home
from churn_serving.cluster.environment import RuntimeFolders
from churn_serving.cluster.local import haproxies_of
from churn_serving.places import ServingPlaces
from churn_serving.replica_status import ReplicaStatus, statuses
from churn_tests.benchmarks.serving.connection import encoded
from churn_tests.benchmarks.serving.load import ROOT
from churn_tests.benchmarks.serving.server import Server, answers, free_port, started

CHURN = Path(sys.executable).with_name("churn")
HOST = "127.0.0.1"
BATCH = 1_000


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        home: its home.
        server: its processes.
    """

    home: Home
    server: Server

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        return self.server.port

    @property
    def places(self) -> ServingPlaces:
        """Its state."""
        return ServingPlaces(self.home)

    @property
    def key(self) -> str:
        """The key of this machine's user."""
        return (self.places.root / "local.key").read_text(encoding="ascii").strip()

    def replicas(self, arm: str) -> list[ReplicaStatus]:
        """Return the living replicas of an arm."""
        return [each for each in statuses(self.places.replicas) if each.arm == arm]

    def kill(self, arm: str) -> int:
        """Kill one replica of an arm as a crash would; return its process."""
        pid = self.replicas(arm)[0].pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def haproxies(self) -> list[int]:
        """Return the HAProxy processes of this service."""
        return haproxies_of(RuntimeFolders.of(self.places))

    def churn(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this home."""
        return subprocess.run(
            [str(CHURN), *words],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "CHURN_HOME": str(self.home.root)},
        )

    def get(self, path: str) -> Any:  # noqa: ANN401  a JSON document
        """Return what a route answers."""
        request = urllib.request.Request(f"http://{HOST}:{self.port}{path}", headers={"X-API-Key": self.key})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def batch(self, customers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Ask for many customers, a thousand at a time, and return the results in order."""
        results: list[dict[str, Any]] = []
        for start in range(0, len(customers), BATCH):
            request = urllib.request.Request(
                f"http://{HOST}:{self.port}/predict/batch",
                data=json.dumps({"customers": customers[start : start + BATCH]}).encode(),
                headers={"X-API-Key": self.key, "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                results += json.load(answer)["results"]
        return results

    def metrics(self) -> dict[str, float]:
        """Return every series that `/metrics` shows."""
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}/metrics", headers={"X-API-Key": self.key}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
        }

    def by_id(self, customer: int) -> str:
        """Return a request about a customer as it goes over the wire."""
        return encoded("GET", f"/customers/{customer}/score", headers={"X-API-Key": self.key})

    def settled(self, champions: int, challengers: int, within_s: float = 60.0) -> float:
        """Wait until so many replicas live; return after how many seconds they did.

        Raises:
            TimeoutError: they do not.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < within_s:
            if (len(self.replicas("champion")), len(self.replicas("challenger"))) == (champions, challengers):
                return time.monotonic() - begun
            time.sleep(0.1)
        raise TimeoutError(f"not {champions} champions and {challengers} challengers after {within_s:.0f} s")


@contextmanager
def served(home: Home, variables: dict[str, str] | None = None) -> Iterator[Service]:
    """Run `churn serve` on a home until the block ends."""
    port = free_port()
    places = ServingPlaces(home)

    def ready() -> bool:
        key = places.root / "local.key"
        return (
            places.service.exists()
            and key.exists()
            and answers(port, "/ready", {"X-API-Key": key.read_text(encoding="ascii").strip()})
        )

    environment = {"CHURN_HOME": str(home.root), **(variables or {})}
    command = [str(CHURN), "serve", "--port", str(port)]
    with started(command, port, ready, variables=environment, startup=120.0, farewell=20.0) as server:
        yield Service(home, server)
