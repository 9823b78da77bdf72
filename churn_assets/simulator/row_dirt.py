"""Dirt in single rows: each function spoils some rows that no other dirt has touched, and says which.

A touched row is never spoilt again, so that each is judged under exactly one rule and the counts are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS, Table
from churn_assets.simulator.draws import LARGEST_CUSTOMER_ID
from churn_assets.simulator.incidents import DESCRIPTIONS, Incident, IncidentKind

TOUCHED = "__touched"
NUMBER = MappingProxyType(
    {
        "customers": "plan_monthly_eur",
        "transactions": "amount",
        "call_records": "duration_seconds",
        "support_tickets": "resolution_hours",
        "app_usage": "sessions",
    }
)
"""The number of each table that is spoilt."""

_CATEGORY = {"customers": ("payment_method", "cheque"), "transactions": ("status", "chargeback")}
_AFTER_THE_MONTH = timedelta(days=40)


@dataclass(frozen=True)
class Spoiling:
    """What the dirt of one table and month works with.

    Attributes:
        table: the contract.
        month: the month of the delivery.
        incident: what to do, and how much of it.
        draws: chooses the rows.
        lasting: ids of the customers who were there before the month and are active at its end.
    """

    table: Table
    month: Month
    incident: Incident
    draws: np.random.Generator
    lasting: pl.Series


Spoilt = tuple[pl.DataFrame, dict[str, Any]]


def spoil_rows(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    """Return the rows with some spoilt, and what was done: rows, ids, column.

    For `customers` the record also says how many of them the month before had: those vanish for the platform.
    """
    return _SPOILERS[spoiling.incident.kind](rows, spoiling)


def _choose(rows: pl.DataFrame, spoiling: Spoiling, eligible: pl.Expr | None = None) -> pl.DataFrame:
    """Choose untouched rows; the size is a share of all rows or a number of them."""
    free = ~pl.col(TOUCHED) if eligible is None else ~pl.col(TOUCHED) & eligible
    places = rows.select(pl.arg_where(free)).to_series()
    size = spoiling.incident.size * (rows.height if DESCRIPTIONS[spoiling.incident.kind].is_share else 1)
    count = min(max(round(size), 1), len(places))
    chosen = np.sort(spoiling.draws.choice(len(places), count, replace=False))
    return rows.with_row_index("__place")[places.gather(chosen).to_list()]


def _change(rows: pl.DataFrame, chosen: pl.DataFrame, **changes: pl.Expr) -> pl.DataFrame:
    """Change the chosen rows and mark them as touched."""
    hit = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(chosen["__place"].implode())
    changed = {name: pl.when(hit).then(value).otherwise(pl.col(name)) for name, value in changes.items()}
    return rows.with_columns(**changed, **{TOUCHED: pl.col(TOUCHED) | hit})


def _record(chosen: pl.DataFrame, spoiling: Spoiling, column: str | None = None) -> dict[str, Any]:
    """Return what was done, with the ids as they were before."""
    keys = chosen.select(spoiling.table.key)
    single = len(spoiling.table.key) == 1
    ids = keys.to_series().to_list() if single else [[str(part) for part in row] for row in keys.rows()]
    record: dict[str, Any] = {"rows": chosen.height, "ids": ids, "column": column}
    if spoiling.table == CUSTOMERS:
        record["known_before"] = chosen.filter(pl.col("signup_date") < spoiling.month.start.date()).height
    return record


def _duplicates(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    chosen = _choose(rows, spoiling)
    touched = _change(rows, chosen)
    again = touched[chosen["__place"].to_list()]
    return pl.concat([touched, again]), _record(chosen, spoiling)


def _file_twice(rows: pl.DataFrame, _spoiling: Spoiling) -> Spoilt:
    return pl.concat([rows, rows]), {"rows": rows.height, "ids": [], "column": None}


def _conflicting_ids(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    number = NUMBER[spoiling.table.name]
    chosen = _choose(rows, spoiling, pl.col(number).is_not_null())
    touched = _change(rows, chosen)
    other = touched[chosen["__place"].to_list()].with_columns(pl.col(number) + 1)
    record = _record(chosen, spoiling, number)
    return pl.concat([touched, other]), {**record, "rows": 2 * chosen.height}


def _null_values(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    number = NUMBER[spoiling.table.name]
    chosen = _choose(rows, spoiling)
    return _change(rows, chosen, **{number: pl.lit(None)}), _record(chosen, spoiling, number)


def _null_customers(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    chosen = _choose(rows, spoiling)
    return _change(rows, chosen, customer_id=pl.lit(None)), _record(chosen, spoiling, "customer_id")


def _sentinels(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    number = NUMBER[spoiling.table.name]
    chosen = _choose(rows, spoiling, pl.col(number).is_not_null())
    minus_one = pl.lit(-1, dtype=rows.schema[number])
    return _change(rows, chosen, **{number: minus_one}), _record(chosen, spoiling, number)


def _not_a_number(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    number = "data_usage_mb" if spoiling.table.name == "call_records" else NUMBER[spoiling.table.name]
    chosen = _choose(rows, spoiling)
    return _change(rows, chosen, **{number: pl.lit(float("nan"))}), _record(chosen, spoiling, number)


def _unknown_customers(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    chosen = _choose(rows, spoiling)
    nobody = LARGEST_CUSTOMER_ID + 1 + pl.int_range(pl.len(), dtype=pl.Int64)
    return _change(rows, chosen, customer_id=nobody), _record(chosen, spoiling, "customer_id")


def _wrong_month(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    time = spoiling.table.event_time or ""
    in_month = pl.col(time) >= pl.lit(spoiling.month.start)  # a ticket delivered again is of the month before
    chosen = _choose(rows, spoiling, in_month)
    return _change(rows, chosen, **{time: pl.col(time) + _AFTER_THE_MONTH}), _record(chosen, spoiling, time)


def _unknown_category(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    column, value = _CATEGORY[spoiling.table.name]
    chosen = _choose(rows, spoiling)
    return _change(rows, chosen, **{column: pl.lit(value)}), _record(chosen, spoiling, column)


def _vanished_customers(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    chosen = _choose(rows, spoiling, pl.col("customer_id").is_in(spoiling.lasting.implode()))
    gone = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(chosen["__place"].implode())
    return rows.filter(~gone), _record(chosen, spoiling)


def _late_rows(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    """Leave out the newest events; which of several at the same instant is decided by the id."""
    count = max(round(spoiling.incident.size * rows.height), 1)
    order = [spoiling.table.event_time or "", *spoiling.table.key]
    chosen = rows.with_row_index("__place").filter(~pl.col(TOUCHED)).sort(order).tail(count)
    late = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(chosen["__place"].implode())
    return rows.filter(~late), _record(chosen, spoiling)


def _edge_times(rows: pl.DataFrame, spoiling: Spoiling) -> Spoilt:
    time = spoiling.table.event_time or ""
    chosen = _choose(rows, spoiling, pl.col("customer_id").is_in(spoiling.lasting.implode()))
    last = spoiling.month.snapshot - timedelta(microseconds=1)
    edge = (
        pl.when(pl.col(spoiling.table.key[0]) % 2 == 0)
        .then(pl.lit(spoiling.month.start))
        .otherwise(pl.lit(last))
    )
    return _change(rows, chosen, **{time: edge.cast(rows.schema[time])}), _record(chosen, spoiling, time)


_SPOILERS: Mapping[IncidentKind, Callable[[pl.DataFrame, Spoiling], Spoilt]] = MappingProxyType(
    {
        IncidentKind.DUPLICATES: _duplicates,
        IncidentKind.FILE_TWICE: _file_twice,
        IncidentKind.CONFLICTING_IDS: _conflicting_ids,
        IncidentKind.NULL_VALUES: _null_values,
        IncidentKind.NULL_CUSTOMERS: _null_customers,
        IncidentKind.SENTINELS: _sentinels,
        IncidentKind.NOT_A_NUMBER: _not_a_number,
        IncidentKind.UNKNOWN_CUSTOMERS: _unknown_customers,
        IncidentKind.WRONG_MONTH: _wrong_month,
        IncidentKind.UNKNOWN_CATEGORY: _unknown_category,
        IncidentKind.VANISHED_CUSTOMERS: _vanished_customers,
        IncidentKind.LATE_ROWS: _late_rows,
        IncidentKind.EDGE_TIMES: _edge_times,
    }
)
ROW_KINDS = frozenset(_SPOILERS)
