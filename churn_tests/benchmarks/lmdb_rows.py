"""A month's rows in LMDB, written and read the fastest way that it offers: what the online store is measured against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np

from churn_assets.adapters.online_store.content import SnapshotContent
from churn_assets.learning.inputs import Matrix


class LmdbRows:
    """Rows by customer id; a new transaction each look-up, as a server makes them."""

    def __init__(self, path: Path) -> None:
        self._environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False)

    async def row(self, customer_id: int) -> Matrix | None:
        """Return a copy of a customer's row, or None."""
        with self._environment.begin(buffers=True) as transaction:
            value = transaction.get(customer_id.to_bytes(8))
            return None if value is None else np.frombuffer(value, np.float32).copy()


def write_rows(path: Path, content: SnapshotContent) -> None:
    """Write sorted pairs in one transaction into a map of a fitting size, through to the disk."""
    size = 2 * content.size + (16 << 20)
    with (
        lmdb.open(str(path), subdir=False, map_size=size) as environment,
        environment.begin(write=True) as transaction,
        transaction.cursor() as cursor,
    ):
        cursor.putmulti(_pairs(content), append=True)


def _pairs(content: SnapshotContent) -> Iterator[tuple[bytes, bytes]]:
    for chunk in content.chunks():
        for customer, row in zip(chunk.ids, chunk.rows, strict=True):
            yield int(customer).to_bytes(8), row.tobytes()
