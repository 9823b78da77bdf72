"""Rows that stand in a file more than once: exact copies, and ids with differing content."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from churn_assets.domain.tables import Table

IDS_AT_A_TIME = 2_000_000
"""Repeated ids whose rows are compared at a time; bounds the memory where a file was appended to itself."""


@dataclass(frozen=True)
class ById:
    """The rows of a file by how often their id stands there.

    Attributes:
        single: for each row of the file, whether its id stands there once.
        distinct: of the other rows one of each id, and all differing rows without a whole id: a null is no id.
        conflicting: all rows, copies dropped, of the ids that have differing content.
        dropped: exact copies that were dropped.
    """

    single: pl.Series
    distinct: pl.DataFrame
    conflicting: pl.DataFrame
    dropped: int


def split_by_id(table: Table, rows: pl.DataFrame) -> ById:
    """Drop exact copies (NaN equals NaN) and separate the ids that stay with differing content.

    No row is compared by a hash alone, and only rows of repeated ids are copied.
    """
    key = list(table.key)
    repeated = _repeated_ids(rows.select(key))
    if repeated.is_empty():
        return ById(pl.repeat(value=True, n=rows.height, eager=True), rows.clear(), rows.clear(), 0)
    part_of_row, parts = _parts(rows.select(key), repeated)
    splits = [_split(rows.filter(part_of_row == part), key) for part in range(parts)]
    distinct = pl.concat([each for each, _ in splits])
    conflicting = pl.concat([each for _, each in splits])
    dropped = rows.height - part_of_row.null_count() - distinct.height - conflicting.height
    return ById(part_of_row.is_null(), distinct, conflicting, dropped)


def _repeated_ids(ids: pl.DataFrame) -> pl.DataFrame:
    """Return the ids that stand there more than once, each once."""
    ascending = ids.sort(ids.columns)
    as_before = (pl.col(name).eq_missing(pl.col(name).shift()) for name in ids.columns)
    return ascending.filter(pl.all_horizontal(as_before) & (pl.int_range(pl.len()) > 0)).unique()


def _parts(ids: pl.DataFrame, repeated: pl.DataFrame) -> tuple[pl.Series, int]:
    """Return to which part each row of a repeated id belongs, null for the others, and how many parts there are.

    All rows of an id are in one part; the hash only deals the ids out.
    """
    parts = -(-repeated.height // IDS_AT_A_TIME)
    part = (pl.struct(ids.columns).hash() % parts).cast(pl.UInt16).alias("part")
    rows = ids.with_row_index("row").join(repeated, on=ids.columns, how="semi", nulls_equal=True)
    numbered = rows.select("row", part)
    return pl.repeat(None, ids.height, dtype=pl.UInt16, eager=True).scatter(
        numbered["row"], numbered["part"]
    ), parts


def _split(suspects: pl.DataFrame, key: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the distinct rows whose id has one content, and those whose id has several."""
    # either of 0.0 and -0.0, which are equal, may stay: adding zero gives both the same bits
    floats = [name for name, dtype in suspects.schema.items() if dtype.is_float()]
    distinct = suspects.with_columns(pl.col(name) + 0.0 for name in floats).unique()
    whole_id = pl.all_horizontal(pl.col(name).is_not_null() for name in key)
    conflict = distinct.select((pl.len().over(key) > 1) & whole_id).to_series()
    return distinct.filter(~conflict), distinct.filter(conflict)
