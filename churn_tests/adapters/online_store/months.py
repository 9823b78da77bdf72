"""Small months of features for the tests of the stores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from churn_assets.adapters.online_store import Golden, OnlineSnapshot, OnlineStore, SnapshotManifest
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.inputs import Flags, Matrix

APRIL, MAY, JUNE, JULY = (Month(2025, number) for number in range(4, 8))
MADE_AT = datetime(2025, 7, 1, 2, 0, tzinfo=UTC)
FEATURES = (
    ContractFeature("price", "number"),
    ContractFeature("calls", "number"),
    ContractFeature("plan", "category", ("basic", "plus", "family")),
)


def month_of_features(customers: Sequence[int] = (7, 3, 5), price: float = 9.99) -> pl.DataFrame:
    """Return a month in which the price tells which one it is; the second customer's plan is unknown, the third's missing."""
    plans = ["plus", "gold", None]
    return pl.DataFrame(
        {
            "customer_id": pl.Series(customers, dtype=pl.Int64),
            "price": [price] * len(customers),
            "calls": pl.Series(
                [None if place == 1 else place for place in range(len(customers))], dtype=pl.Int64
            ),
            "plan": pl.Series([plans[place % 3] for place in range(len(customers))], dtype=pl.String),
        }
    )


def publish(
    store: OnlineStore,
    month: Month,
    matrix: pl.DataFrame | None = None,
    *,
    made_at: datetime = MADE_AT,
    golden: Golden | None = None,
) -> SnapshotManifest:
    """Prepare and publish a month, by default one whose price is the month's number; return its manifest."""
    frame = month_of_features(price=float(month.number)) if matrix is None else matrix
    prepared = store.prepare(frame, FEATURES, month=month, made_at=made_at, golden=golden)
    store.publish(prepared)
    return prepared.manifest


def row_of(store: OnlineStore, manifest: SnapshotManifest, customer_id: int) -> Matrix | None:
    """Look one customer up."""

    async def look_up(snapshot: OnlineSnapshot) -> Matrix | None:
        try:
            return await snapshot.row(customer_id)
        finally:
            await snapshot.close()

    return asyncio.run(look_up(store.open(manifest)))


def rows_of(
    store: OnlineStore, manifest: SnapshotManifest, customer_ids: Sequence[int]
) -> tuple[Matrix, Flags]:
    """Look several customers up."""

    async def look_up(snapshot: OnlineSnapshot) -> tuple[Matrix, Flags]:
        try:
            return await snapshot.rows(customer_ids)
        finally:
            await snapshot.close()

    return asyncio.run(look_up(store.open(manifest)))


def current_price(store: OnlineStore) -> float | None:
    """Return what readers see as the price of customer 3, or None before the first publication."""
    manifest = store.current()
    row = None if manifest is None else row_of(store, manifest, 3)
    return None if row is None else float(row[0])
