"""A snapshot in memory-mapped files: two arrays that all processes of a machine share, found by bisection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from churn_assets.adapters.online_store.content import ID_TYPE, VALUE_TYPE, Ids
from churn_assets.adapters.online_store.data_files import map_verified, read_manifest
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.manifest import CUSTOMER_IDS, MEND, ROWS, SnapshotManifest
from churn_assets.learning.inputs import Flags, Matrix

_LEAST, _GREATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class _Columns(NamedTuple):
    ids: Ids
    rows: Matrix


@dataclass
class FilesSnapshot:
    """The rows of one snapshot; what look-ups return are copies, so closing leaves nothing dangling."""

    manifest: SnapshotManifest
    _mapped: _Columns | None = field(repr=False)

    @classmethod
    def opened(cls, folder: Path) -> FilesSnapshot:
        """Verify a snapshot's folder and map it.

        Raises:
            OnlineStoreError: a file is missing, torn or edited.
        """
        manifest = read_manifest(folder)
        ids = map_verified(folder, manifest, CUSTOMER_IDS)
        rows = map_verified(folder, manifest, ROWS)
        expected = ((manifest.rows,), (manifest.rows, len(manifest.features)))
        if (ids.shape, rows.shape) != expected or (ids.dtype, rows.dtype) != (ID_TYPE, VALUE_TYPE):
            raise OnlineStoreError(f"{folder.name} has not the rows or columns of its manifest: {MEND}")
        return cls(manifest, _Columns(ids, rows))

    async def row(self, customer_id: int) -> Matrix | None:
        """Return a customer's features, or None for a stranger.

        Raises:
            OnlineStoreError: the snapshot is closed.
        """
        ids, rows = self._open_columns()
        if not _LEAST <= customer_id <= _GREATEST:
            return None
        place = ids.searchsorted(customer_id)
        if place == len(ids) or ids[place] != customer_id:
            return None
        row: Matrix = rows[place].copy()
        return row

    async def rows(self, customer_ids: Sequence[int]) -> tuple[Matrix, Flags]:
        """Return a row per customer in the order asked, all NaN for strangers, and who was found.

        Raises:
            OnlineStoreError: the snapshot is closed.
        """
        ids, rows = self._open_columns()
        possible = np.array([_LEAST <= each <= _GREATEST for each in customer_ids], dtype=np.bool_)
        wanted = np.array([each for each in customer_ids if _LEAST <= each <= _GREATEST], dtype=np.int64)
        places = ids.searchsorted(wanted)
        places[places == len(ids)] = 0
        known = ids[places] == wanted if len(ids) else np.zeros(len(wanted), dtype=np.bool_)
        found = possible.copy()
        found[possible] = known
        matrix = np.full((len(found), len(self.manifest.features)), np.nan, dtype=np.float32)
        matrix[found] = rows[places[known]]
        return matrix, found

    async def close(self) -> None:
        """Let the mapping go, with the last look-up that is still under way."""
        self._mapped = None

    def _open_columns(self) -> _Columns:
        if self._mapped is None:
            raise OnlineStoreError(
                f"the snapshot {self.manifest.snapshot_id} is closed: open the current one"
            )
        return self._mapped
