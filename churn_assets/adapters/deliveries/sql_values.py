"""One column of a query's answer, from Python values to the contract's type, with nothing guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from churn_assets.adapters.deliveries.text_fields import from_text, misread, misread_error
from churn_assets.domain.lossless_types import ContractTypeError, to_column
from churn_assets.domain.tables import Column


@dataclass(frozen=True)
class Dialect:
    """What a database has no types for.

    Attributes:
        dates_are_text: dates and timestamps come as ISO 8601 text (SQLite).
        booleans_are_bits: true and false come as 1 and 0.
    """

    dates_are_text: bool
    booleans_are_bits: bool


def column_values(column: Column, values: Sequence[object], dialect: Dialect) -> pl.Series:
    """Return the values in the column's type.

    A column without a value has no type in an answer: its nulls are left to the judgement of the rows.

    Raises:
        ContractTypeError: a value is of a type that is not accepted, or would change.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pl.Series(column.name, values, dtype=column.dtype)
    if kinds == {str} and dialect.dates_are_text and column.dtype.is_temporal():
        return _from_text(column, values)
    if kinds == {int} and dialect.booleans_are_bits and column.dtype == pl.Boolean:
        return _from_bits(column, values)
    if kinds == {int, float} and column.dtype == pl.Float64:
        _require_exact(column, values)
        return pl.Series(column.name, values, dtype=pl.Float64, strict=False)
    if len(kinds) > 1:
        raise _mistyped(column, " and ".join(sorted(kind.__name__ for kind in kinds)))
    try:
        natural = pl.Series(column.name, values)
    except (TypeError, OverflowError, PolarsError):
        raise _mistyped(column, f"{kinds.pop().__name__} that no column can hold") from None
    return to_column(column, natural)


def _from_text(column: Column, values: Sequence[object]) -> pl.Series:
    frame = pl.DataFrame({column.name: values}, schema={column.name: pl.String})
    wrong = frame.with_row_index("row", offset=1).filter(misread(column)).head(1)
    for row, text in wrong.rows():
        raise misread_error(column, row, text)
    return frame.select(from_text(column).alias(column.name)).to_series()


def _from_bits(column: Column, values: Sequence[object]) -> pl.Series:
    if others := set(values) - {0, 1, None}:
        raise ContractTypeError(
            "lossy",
            column.name,
            found=f"integers other than 0 and 1 ({len(others)} of them)",
            expected="Boolean",
            mend="select 1 for true and 0 for false",
        )
    return pl.Series(
        column.name, [None if value is None else value == 1 for value in values], dtype=pl.Boolean
    )


def _require_exact(column: Column, values: Sequence[object]) -> None:
    integers = pl.Series(column.name, [value for value in values if isinstance(value, int)])
    to_column(column, integers)


def _mistyped(column: Column, found: str) -> ContractTypeError:
    return ContractTypeError(
        "column_type",
        column.name,
        found=f"values of {found}",
        expected=str(column.dtype),
        mend=f"let the query return the column as {column.dtype}",
    )
