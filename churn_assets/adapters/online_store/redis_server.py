"""How the store names its keys in Redis, how patiently it asks, and what it says where Redis does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from churn_assets.adapters.online_store.errors import OnlineStoreError

PREFIX = "churn:online"
WRITE_TIMEOUT_S = 30.0
CONNECTIONS = 32
_LOST = (LostConnectionError,)
"""What is tried once more: a pooled connection that the server closed meanwhile. A time-out is not, it would double."""


@dataclass(frozen=True)
class SnapshotKeys:
    """The keys of one snapshot.

    Attributes:
        stem: what all of them begin with.
    """

    stem: str

    @property
    def manifest(self) -> str:
        """The manifest, written after the rows and removed before them: where it is, every row is."""
        return f"{self.stem}:manifest"

    @property
    def customers(self) -> str:
        """A list of pieces of the customer ids, written before the rows: what a removal goes by."""
        return f"{self.stem}:customers"

    def row(self, customer_id: int) -> str:
        """The float32 values of a customer."""
        return f"{self.stem}:{customer_id}"


@dataclass(frozen=True)
class Keys:
    """The keys of a store; several stores can share a database under prefixes of their own."""

    prefix: str = PREFIX

    @property
    def pointer(self) -> str:
        """Which snapshot is read."""
        return f"{self.prefix}:pointer"

    @property
    def snapshots(self) -> str:
        """A hash from each snapshot that has any key to the time at which it was begun."""
        return f"{self.prefix}:snapshots"

    def of(self, snapshot_id: str) -> SnapshotKeys:
        """The keys of a snapshot."""
        return SnapshotKeys(f"{self.prefix}:{snapshot_id}")


@dataclass(frozen=True)
class RedisServer:
    """One Redis server or what speaks like one (no cluster: a publication's keys must lie on one node).

    Attributes:
        url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.
        read_timeout_s: seconds that a look-up waits for a connection, and for each reply.
    """

    url: str
    read_timeout_s: float

    @property
    def name(self) -> str:
        """Host and port, never the password, for sentences.

        Raises:
            OnlineStoreError: the address is none of Redis.
        """
        try:
            parts = urlsplit(self.url)
            host = f"{parts.hostname}:{parts.port or 6379}"
        except ValueError as problem:
            raise OnlineStoreError(
                f"the online store's address is no address of Redis ({problem}): write redis://HOST:PORT/0"
            ) from None
        return parts.path if parts.scheme == "unix" else host

    def writer(self) -> Redis:
        """Return a patient client; it connects when it is first used."""
        return self._client(WRITE_TIMEOUT_S)

    def reader(self) -> Redis:
        """Return a client that rather fails than waits."""
        return self._client(self.read_timeout_s)

    def async_reader(self) -> AsyncRedis:
        """Return the same for an event loop, to be closed on that loop."""
        pool = BlockingConnectionPool.from_url(
            self.url,
            max_connections=CONNECTIONS,
            timeout=self.read_timeout_s,
            socket_timeout=self.read_timeout_s,
            socket_connect_timeout=self.read_timeout_s,
            retry=AsyncRetry(NoBackoff(), 1, _LOST),
        )
        return AsyncRedis.from_pool(pool)

    @contextmanager
    def answering(self, what: str) -> Iterator[None]:
        """Turn what goes wrong between us and Redis into one sentence.

        Raises:
            OnlineStoreError: Redis is out of reach, too slow, or refuses.
        """
        try:
            yield
        except (RedisError, OSError, asyncio.IncompleteReadError) as problem:
            raise OnlineStoreError(
                f"Redis at {self.name} failed at {what} ({problem or type(problem).__name__}): "
                "see that it runs and has memory"
            ) from problem

    def _client(self, timeout_s: float) -> Redis:
        return Redis.from_url(
            self.url,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(timeout_s, 5.0),
            retry=Retry(NoBackoff(), 1, _LOST),
        )
