"""What an online store does, wherever it keeps its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from churn_assets.adapters.online_store.golden import Golden
from churn_assets.adapters.online_store.manifest import SnapshotManifest
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.inputs import Flags, Matrix


@dataclass(frozen=True)
class Prepared:
    """A snapshot that is written and verified by nobody yet; the pointer does not name it.

    Attributes:
        manifest: what it is.
        size: bytes of its ids and rows.
    """

    manifest: SnapshotManifest
    size: int


@dataclass(frozen=True)
class Publication:
    """Whether readers see a prepared snapshot now, and a sentence that says why not."""

    visible: bool
    sentence: str

    @classmethod
    def of(cls, prepared: Prepared, current: str) -> Publication:
        """Say what it means for a prepared snapshot that the pointer names the current one now."""
        asked = prepared.manifest.snapshot_id
        if asked == current:
            return cls(visible=True, sentence=f"{asked} is what readers see")
        return cls(visible=False, sentence=f"{prepared.manifest.month} is older than {current}, which stays")


class OnlineSnapshot(Protocol):
    """The features of one month's customers, read-only; it stays readable while a newer one is published."""

    @property
    def manifest(self) -> SnapshotManifest:
        """What the snapshot is: the order and the vocabularies of its columns above all."""

    async def row(self, customer_id: int) -> Matrix | None:
        """Return a customer's features, float32 in the manifest's order (missing is NaN), or None for a stranger.

        Raises:
            OnlineStoreError: the snapshot is closed, gone, damaged or out of reach.
        """

    async def rows(self, customer_ids: Sequence[int]) -> tuple[Matrix, Flags]:
        """Return a row per customer in the order asked, all NaN for strangers, and who was found.

        Raises:
            OnlineStoreError: as `row`.
        """

    async def close(self) -> None:
        """Let the files or connections go; look-ups fail from now on."""


class OnlineStore(Protocol):
    """Snapshots and the pointer to the one that is read. One writer at a time moves the pointer; readers never wait."""

    def prepare(
        self,
        matrix: pl.DataFrame,
        features: Sequence[ContractFeature],
        *,
        month: Month,
        made_at: datetime,
        golden: Golden | None = None,
    ) -> Prepared:
        """Write a snapshot beside the one that is read; `open` reads it, the pointer does not name it.

        Args:
            matrix: `customer_id` and the features, a row per customer.
            features: the columns to keep, in order, with the vocabularies of the categories.
            month: the month of the features.
            made_at: now, with its time zone.
            golden: the batch's scores of some of the customers.

        Raises:
            OnlineStoreError: the ids are not unique, or the network's store does not take the rows.
            ModelError: a feature is missing, has another type, or is infinite.
            OSError: the disk is full, or not ours to write.
        """

    def publish(self, prepared: Prepared) -> Publication:
        """Let readers see a prepared snapshot, in one step; an older month than theirs is discarded instead.

        The snapshot before it stays for a roll-back, older ones are removed.

        Raises:
            OnlineStoreError: the prepared snapshot is gone, or the store cannot be written.
        """

    def discard(self, prepared: Prepared) -> None:
        """Remove a prepared snapshot, unless readers have it already.

        Raises:
            OnlineStoreError: the store cannot be written.
        """

    def current(self) -> SnapshotManifest | None:
        """Return what readers should read, or None before the first publication.

        Cheap enough for twice a second. It waits for a small file, or at most a few short time-outs for the network:
        call it beside an event loop, not on it.

        Raises:
            OnlineStoreError: the pointer or the manifest is damaged or out of reach.
        """

    def open(self, manifest: SnapshotManifest) -> OnlineSnapshot:
        """Open a snapshot, every byte on this machine verified first (a second for 400 MB): not on an event loop.

        Raises:
            OnlineStoreError: it is gone, torn or edited.
        """

    def roll_back(self) -> SnapshotManifest:
        """Let readers see the former snapshot again and return it; rolling back twice is rolling forward.

        Raises:
            OnlineStoreError: there is no former one.
        """
