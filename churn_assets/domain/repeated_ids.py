"""Rows that stand in a file more than once: exact copies, and ids with differing content."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from churn_assets.domain.tables import Table

ROWS_AT_A_TIME = 4_000_000
"""Repeated rows that are compared at a time; bounds the memory where a file was appended to itself."""


@dataclass(frozen=True)
class ById:
    """The rows of a file by how often their id stands there.

    Attributes:
        distinct: one row of each id, and all differing rows without a whole id: a null is no id.
        conflicting: all rows, copies dropped, of the ids that have differing content.
        dropped: exact copies that were dropped.
    """

    distinct: pl.DataFrame
    conflicting: pl.DataFrame
    dropped: int


def split_by_id(table: Table, rows: pl.DataFrame) -> ById:
    """Drop exact copies (NaN equals NaN) and separate the ids that stay with differing content.

    No row is compared by a hash alone. Where all ids differ, which is the rule, nothing is copied.
    """
    key = list(table.key)
    frame = rows.lazy()
    if _distinct_ids(frame, key) == rows.height:
        return ById(rows, rows.clear(), 0)
    repeated = frame.group_by(key).len().filter(pl.col("len") > 1).select(key)
    suspects = frame.join(repeated, on=key, how="semi", nulls_equal=True).collect(engine="streaming")
    single = frame.join(repeated, on=key, how="anti", nulls_equal=True).collect(engine="streaming")
    parts = [_split(part, key) for part in _slices(suspects, key)]
    return ById(
        distinct=pl.concat([single, *(part.distinct for part in parts)]),
        conflicting=pl.concat([part.conflicting for part in parts]),
        dropped=sum(part.dropped for part in parts),
    )


def _distinct_ids(frame: pl.LazyFrame, key: list[str]) -> int:
    counted = frame.select(key).unique().select(pl.len()).collect(engine="streaming")
    return int(counted.item())


def _slices(suspects: pl.DataFrame, key: list[str]) -> list[pl.DataFrame]:
    """Cut the rows so that all rows of an id are in one part; the hash only deals them out."""
    parts = -(-suspects.height // ROWS_AT_A_TIME)
    if parts <= 1:
        return [suspects]
    part = pl.struct(key).hash() % parts
    return [suspects.filter(part == index) for index in range(parts)]


def _split(suspects: pl.DataFrame, key: list[str]) -> ById:
    # either of 0.0 and -0.0, which are equal, may stay: adding zero gives both the same bits
    floats = [name for name, dtype in suspects.schema.items() if dtype.is_float()]
    distinct = suspects.with_columns(pl.col(name) + 0.0 for name in floats).unique()
    whole_id = pl.all_horizontal(pl.col(name).is_not_null() for name in key)
    conflict = distinct.select((pl.len().over(key) > 1) & whole_id).to_series()
    return ById(
        distinct=distinct.filter(~conflict),
        conflicting=distinct.filter(conflict),
        dropped=suspects.height - distinct.height,
    )
