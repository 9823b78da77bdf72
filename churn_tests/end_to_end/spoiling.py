"""Ways in which a correct file is spoilt, by exactly so many rows, for tests of what becomes of it."""

from __future__ import annotations

import io
from datetime import timedelta

import polars as pl

NOBODY = 9_000_000_000_000_000
"""An id that no customer has."""


def changed(rows: pl.DataFrame, count: int, **values: object) -> pl.DataFrame:
    """Return the rows with other values in the first so many of them."""
    hit = pl.int_range(pl.len()) < count
    return rows.with_columns(
        pl.when(hit).then(_expression(value, rows.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def _expression(value: object, dtype: pl.DataType) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value, dtype)


def repeated(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return the rows with the first so many of them once more, exactly alike."""
    return pl.concat([rows, rows.head(count)])


def conflicting(rows: pl.DataFrame, count: int, number: str) -> pl.DataFrame:
    """Return the rows with the first so many of them once more, with another number."""
    return pl.concat([rows, rows.head(count).with_columns(pl.col(number) + 1)])


def later(column: str, days: int = 40) -> pl.Expr:
    """Return a date as many days later."""
    return pl.col(column) + timedelta(days=days)


def parquet(rows: pl.DataFrame) -> bytes:
    """Return the rows as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue()
