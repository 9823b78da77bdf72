"""From the types that a delivery has to the contract's, only where no value changes.

Source of the accepted conversions: the data contract in `docs/data_contracts.md`. Any other one blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from churn_assets.domain.tables import Column, Table

INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
UTC_NAMES = (None, "UTC", "Etc/UTC")
SAFE_DIGITS = 15
"""A decimal of so many digits comes back unchanged from a double (IEEE 754, DBL_DIG)."""


class ContractTypeError(ValueError):
    """A column that is missing, of another type, or with a value that the conversion would change.

    Attributes:
        kind: `column_missing`, `column_type` or `lossy`.
        column: the column's name.
        found: what the delivery has.
        expected: what the contract asks for.
        mend: what the operator can do.
    """

    def __init__(self, kind: str, column: str, *, found: str, expected: str, mend: str) -> None:
        super().__init__(f"column {column}: found {found}, expected {expected}: {mend}")
        self.kind = kind
        self.column = column
        self.found = found
        self.expected = expected
        self.mend = mend


def to_contract(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table's columns in the contract's order and types, every value unchanged.

    Further columns are left out; the order of columns and rows of the frame means nothing.

    Raises:
        ContractTypeError: for the first column that is missing or does not fit.
    """
    require_columns(table, frame.columns)
    return pl.DataFrame([to_column(column, frame.get_column(column.name)) for column in table.columns])


def require_columns(table: Table, found: Sequence[str]) -> None:
    """Check that all columns of the table are there, under their exact names.

    Raises:
        ContractTypeError: for the first one missing; the sentence names all, and what was found instead.
    """
    missing = [column for column in table.columns if column.name not in found]
    if not missing:
        return
    raise ContractTypeError(
        "column_missing",
        missing[0].name,
        found=_found_instead(table, found),
        expected=", ".join(f"{column.name} {column.dtype}" for column in missing),
        mend="deliver the column under its exact name",
    )


def _found_instead(table: Table, found: Sequence[str]) -> str:
    strangers = [name for name in found if name not in table.schema]
    if len(strangers) == len(found):
        return "none of the contract's columns"  # what stands there may be a row, and its values personal
    return "no such column" + (f" but {', '.join(strangers)}" if strangers else "")


def to_column(column: Column, values: pl.Series) -> pl.Series:
    """Return the values in the column's type.

    Raises:
        ContractTypeError: the type is none of those accepted, or a value would change.
    """
    if values.dtype == column.dtype:
        return values
    converted, same = _convert(column, values)
    changed = ~same & values.is_not_null()
    if count := int(changed.sum()):
        first = changed.index_of(element=True) or 0
        raise ContractTypeError(
            "lossy",
            column.name,
            found=f"{values.dtype} with {count} values that do not fit, the first in row {first + 1}",
            expected=_expected(column),
            mend="deliver values that the contract's type holds exactly",
        )
    return converted


def _convert(column: Column, values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the converted values, and whether each is the same as before (undefined where it is null)."""
    found, wanted = values.dtype, column.dtype
    if _always_fits(column, found):
        return values.cast(wanted), pl.repeat(value=True, n=len(values), dtype=pl.Boolean, eager=True)
    if isinstance(found, pl.Decimal) and column.money:
        converted = values.cast(wanted)
        return converted, _same_decimal(values, converted)
    is_time = isinstance(found, pl.Datetime) and found.time_zone in UTC_NAMES
    if is_time and wanted in (pl.Datetime("us"), pl.Date):
        values = values.dt.replace_time_zone(None)
    elif found not in INTEGERS or wanted not in (pl.Int64, pl.Int32, pl.Float64):
        raise _refused(column, found)
    converted = values.cast(wanted, strict=False)
    return converted, (converted.cast(values.dtype, strict=False) == values).fill_null(value=False)


def _always_fits(column: Column, found: pl.DataType) -> bool:
    if found == pl.Null:
        return column.nullable
    if column.dtype == pl.String:
        return isinstance(found, pl.Categorical | pl.Enum)
    if column.dtype == pl.Float64:
        few_digits = isinstance(found, pl.Decimal) and column.money and found.precision <= SAFE_DIGITS
        return few_digits or found == pl.Float32
    return False


def _same_decimal(values: pl.Series, converted: pl.Series) -> pl.Series:
    """Say where the double's shortest text, or its guaranteed digits, are the decimal's."""
    text = values.cast(pl.String)
    digits = text.str.replace_all("[-.]", "").str.strip_chars_start("0").str.strip_chars_end("0")
    plain = text.str.replace(r"\.0+$", "").str.replace(r"(\.[0-9]*[1-9])0+$", "$1")
    shortest = converted.cast(pl.String).str.replace(r"\.0$", "")
    return (digits.str.len_bytes() <= SAFE_DIGITS) | (plain == shortest)


def _refused(column: Column, found: pl.DataType) -> ContractTypeError:
    return ContractTypeError(
        "column_type",
        column.name,
        found=str(found),
        expected=_expected(column),
        mend=_mend(column, found),
    )


def _expected(column: Column) -> str:
    if column.dtype == pl.Datetime("us"):
        return "Datetime(us) in UTC"
    return str(column.dtype) + (", or null" if column.nullable else "")


def _mend(column: Column, found: pl.DataType) -> str:
    if isinstance(found, pl.Datetime):
        return "deliver timestamps in UTC, without offset or marked as UTC"
    if found == pl.Null:
        return "deliver its values: it may not be null"
    return f"deliver the column as {column.dtype}"
