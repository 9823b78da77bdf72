"""Broken feeds: whole columns and tables that went wrong in the operator's export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from churn_assets.simulator.incidents import IncidentKind
from churn_assets.simulator.row_dirt import NUMBER, Spoiling, Spoilt

_NULLED = {
    "customers": "region",
    "transactions": "paid_late",
    "call_records": "data_usage_mb",
    "support_tickets": "resolution_hours",
    "app_usage": "sessions",
}
_DAY_SECONDS = 86_400


def break_feed(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    """Return the table as a broken feed delivers it, and what was done: rows, column."""
    return _BREAKERS[spoiling.incident.kind](rows, spoiling)


def _changed(rows: pl.DataFrame, column: str, value: pl.Expr) -> Spoilt:
    record: dict[str, Any] = {"rows": rows.height, "ids": [], "column": column}
    return rows.with_columns(value.cast(rows.schema[column]).alias(column)), record


def _null_column(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    return _changed(rows, _NULLED[spoiling.table.name], pl.lit(None))


def _minutes_for_seconds(rows: pl.DataFrame, _spoiling: Spoiling) -> Spoilt:
    return _changed(rows, "duration_seconds", pl.col("duration_seconds") // 60)


def _seconds_for_minutes(rows: pl.DataFrame, _spoiling: Spoiling) -> Spoilt:
    # kept within the bounds, so that the feed check alone can see it
    longer = (pl.col("duration_seconds").cast(pl.Int64) * 60).clip(upper_bound=_DAY_SECONDS)
    return _changed(rows, "duration_seconds", longer)


def _cents_for_euros(rows: pl.DataFrame, _spoiling: Spoiling) -> Spoilt:
    return _changed(rows, "amount", pl.col("amount") * 100)


def _frozen_column(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    column = NUMBER[spoiling.table.name]
    middle = pl.col(column).median()
    return _changed(rows, column, pl.when(pl.col(column).is_not_null()).then(middle))


def _halved_rows(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    """Leave rows out; of `customers` as many vanish."""
    count = round(spoiling.incident.size * rows.height)
    missing = np.sort(spoiling.draws.choice(rows.height, count, replace=False))
    gone = pl.int_range(pl.len()).is_in(pl.lit(pl.Series(missing)).implode())
    return rows.filter(~gone), {"rows": count, "ids": [], "column": None}


def _no_rows(rows: pl.DataFrame, _spoiling: Spoiling) -> Spoilt:
    return rows.clear(), {"rows": rows.height, "ids": [], "column": None}


_BREAKERS: Mapping[IncidentKind, Callable[[pl.DataFrame, Spoiling], Spoilt]] = MappingProxyType(
    {
        IncidentKind.NULL_COLUMN: _null_column,
        IncidentKind.MINUTES_FOR_SECONDS: _minutes_for_seconds,
        IncidentKind.SECONDS_FOR_MINUTES: _seconds_for_minutes,
        IncidentKind.CENTS_FOR_EUROS: _cents_for_euros,
        IncidentKind.FROZEN_COLUMN: _frozen_column,
        IncidentKind.HALVED_ROWS: _halved_rows,
        IncidentKind.NO_ROWS: _no_rows,
    }
)
FEED_KINDS = frozenset(_BREAKERS)
