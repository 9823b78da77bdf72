"""Windows of time before a month's snapshot, as expressions on an event's time.

All are half-open and end at the snapshot or before it: nothing at or after it is ever inside. A Date column
stands for its first instant. The snapshot is a midnight in UTC, so a window of days holds whole UTC days.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from churn_assets.domain.months import Month


def days_before(month: Month, days: int) -> datetime:
    """Return the instant so many days before the month's snapshot."""
    return month.snapshot - timedelta(days=days)


def within(column: str, month: Month, days: int) -> pl.Expr:
    """Return whether the event lies in the given number of days before the snapshot."""
    return _between(column, days_before(month, days), month.snapshot)


def previous_30d(column: str, month: Month) -> pl.Expr:
    """Return whether the event lies in the 30 days before the last 30 days."""
    return _between(column, days_before(month, 60), days_before(month, 30))


def days_ago(column: str, month: Month) -> pl.Expr:
    """Return the whole days from an event before the snapshot to the snapshot."""
    return (pl.lit(month.snapshot) - pl.col(column).cast(pl.Datetime("us"))).dt.total_days()


def day_of_30(column: str, month: Month) -> pl.Expr:
    """Return the UTC day of an event in the last 30 days, 0 the earliest to 29."""
    return (pl.col(column) - pl.lit(days_before(month, 30))).dt.total_days()


def days_between_dates(earlier: pl.Expr, later: pl.Expr) -> pl.Expr:
    """Return the days from one Date to another, negative when it lies before; of any Date there is."""
    return later.cast(pl.Int32).cast(pl.Int64) - earlier.cast(pl.Int32).cast(pl.Int64)


def _between(column: str, start: datetime, end: datetime) -> pl.Expr:
    instant = pl.col(column).cast(pl.Datetime("us"))
    return (instant >= start) & (instant < end)
