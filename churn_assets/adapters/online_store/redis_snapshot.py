"""A snapshot in Redis: one key a customer, asked for over an asyncio connection that rather fails than waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from redis.asyncio import Redis

from churn_assets.adapters.online_store.content import VALUE_TYPE
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.manifest import MEND, SnapshotManifest
from churn_assets.adapters.online_store.redis_server import RedisServer, SnapshotKeys
from churn_assets.learning.inputs import Flags, Matrix

ROWS_A_REQUEST = 500


@dataclass
class RedisSnapshot:
    """The rows of one snapshot; look-ups belong on the event loop of the first one."""

    manifest: SnapshotManifest
    _server: RedisServer = field(repr=False)
    _keys: SnapshotKeys = field(repr=False)
    _client: Redis = field(repr=False)
    _closed: bool = field(default=False, init=False, repr=False)

    async def row(self, customer_id: int) -> Matrix | None:
        """Return a customer's features, or None for a stranger.

        Raises:
            OnlineStoreError: Redis does not answer, the snapshot is closed, removed or damaged.
        """
        (value,) = await self._values([customer_id])
        return None if value is None else self._decoded(value)

    async def rows(self, customer_ids: Sequence[int]) -> tuple[Matrix, Flags]:
        """Return a row per customer in the order asked, all NaN for strangers, and who was found.

        Raises:
            OnlineStoreError: as `row`.
        """
        matrix = np.full((len(customer_ids), len(self.manifest.features)), np.nan, dtype=np.float32)
        found = np.zeros(len(customer_ids), dtype=np.bool_)
        for start in range(0, len(customer_ids), ROWS_A_REQUEST):
            asked = customer_ids[start : start + ROWS_A_REQUEST]
            for place, value in enumerate(await self._values(asked), start):
                if value is not None:
                    matrix[place], found[place] = self._decoded(value), True
        return matrix, found

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        await self._client.aclose()

    async def _values(self, customer_ids: Sequence[int]) -> list[bytes | None]:
        """Ask for rows and, in the same trip and after them, whether the snapshot still is there.

        A removal takes the manifest first: with it in place, what has no key is a stranger.
        """
        if self._closed:
            raise OnlineStoreError(
                f"the snapshot {self.manifest.snapshot_id} is closed: open the current one"
            )
        with self._server.answering("a look-up"):
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.mget([self._keys.row(customer_id) for customer_id in customer_ids])
                pipe.exists(self._keys.manifest)
                values, whole = await pipe.execute()
        if not whole:
            raise OnlineStoreError(
                f"the snapshot {self.manifest.snapshot_id} has been removed: open the current one"
            )
        return list(values)

    def _decoded(self, value: bytes) -> Matrix:
        if len(value) != len(self.manifest.features) * VALUE_TYPE.itemsize:
            raise OnlineStoreError(
                f"a row of {self.manifest.snapshot_id} has {len(value)} bytes, not the manifest's columns: {MEND}"
            )
        return np.frombuffer(value, dtype=VALUE_TYPE).copy()
