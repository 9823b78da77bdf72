"""A month's feature matrix as the store keeps it: ascending customer ids, and a float32 row for each.

The rows are what `learning.encoding` gives the model in the batch, so that online and batch agree bit for bit.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.golden import Golden
from churn_assets.adapters.online_store.manifest import CUSTOMER_IDS, ROWS, SnapshotManifest
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.inputs import Matrix

Ids = npt.NDArray[np.int64]
ID_TYPE, VALUE_TYPE = np.dtype("<i8"), np.dtype("<f4")
CHUNK_ROWS = 65_536


class Chunk(NamedTuple):
    """Some customers, ascending, and their rows."""

    ids: Ids
    rows: Matrix


@dataclass(frozen=True)
class SnapshotContent:
    """The customers of a month in ascending order, not encoded yet: chunks bound the memory."""

    frame: pl.DataFrame
    features: tuple[ContractFeature, ...]

    @classmethod
    def of(cls, matrix: pl.DataFrame, features: Sequence[ContractFeature]) -> SnapshotContent:
        """Order a feature matrix by customer.

        Raises:
            OnlineStoreError: there is no `customer_id`, or it is null or repeated.
        """
        if "customer_id" not in matrix.columns:
            raise OnlineStoreError("the feature matrix lacks customer_id: publish it with its ids")
        frame = matrix.with_columns(pl.col("customer_id").cast(pl.Int64))
        if not frame[
            "customer_id"
        ].is_sorted():  # the lake's reader sorts: two million rows are not copied for nothing
            frame = frame.sort("customer_id")
        ids = frame["customer_id"]
        if ids.null_count() or ids.n_unique() != ids.len():
            raise OnlineStoreError(
                f"{ids.null_count()} rows of the feature matrix have no customer_id and "
                f"{ids.len() - ids.n_unique()} repeat one: run the job `close_month` again"
            )
        return cls(frame, tuple(features))

    @property
    def size(self) -> int:
        """Bytes of the ids and rows."""
        return self.frame.height * (ID_TYPE.itemsize + len(self.features) * VALUE_TYPE.itemsize)

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yield the customers so many at a time.

        Raises:
            ModelError: a feature has no column, a column of another type, or an infinite value.
        """
        for start in range(0, max(self.frame.height, 1), rows):
            part = self.frame.slice(start, rows)
            ids = part["customer_id"].to_numpy().astype(ID_TYPE, copy=False)
            yield Chunk(ids, encode(part, self.features).astype(VALUE_TYPE, copy=False))

    def pour(self, into: Mapping[str, Callable[[bytes], object]]) -> None:
        """Hand the bytes of the two data files, from first to last, to the functions that take them."""
        height = self.frame.height
        into[CUSTOMER_IDS](_header(ID_TYPE, (height,)))
        into[ROWS](_header(VALUE_TYPE, (height, len(self.features))))
        for chunk in self.chunks():
            into[CUSTOMER_IDS](chunk.ids.tobytes())
            into[ROWS](chunk.rows.tobytes())

    def manifest(
        self, files: Mapping[str, str], month: Month, made_at: datetime, golden: Golden | None
    ) -> SnapshotManifest:
        """Describe the content.

        Args:
            files: sha256 of each data file.
            month: the month of the features.
            made_at: now, with its time zone.
            golden: the batch's scores of some of the customers.

        Raises:
            OnlineStoreError: the time has no zone, or a golden customer is none of the month.
        """
        if made_at.tzinfo is None:
            raise OnlineStoreError(f"made_at {made_at} has no time zone: pass an instant in UTC")
        strangers = set(golden.customer_ids if golden else ()).difference(self.frame["customer_id"])
        if strangers:
            raise OnlineStoreError(
                f"{len(strangers)} customers with scores have no features in {month}: "
                "run the job `score_month` for it again"
            )
        return SnapshotManifest(
            month=month,
            made_at=made_at,
            rows=self.frame.height,
            features=tuple(ContractFeature(each.name, each.kind, each.vocabulary) for each in self.features),
            files=files,
            golden=golden,
        )


def _header(dtype: np.dtype[np.int64] | np.dtype[np.float32], shape: tuple[int, ...]) -> bytes:
    """Return the first bytes of a .npy file, as `numpy.save` writes them."""
    header = io.BytesIO()
    layout = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, layout)
    return header.getvalue()
