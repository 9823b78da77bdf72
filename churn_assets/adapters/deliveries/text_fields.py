"""Values that come as text (CSV, and SQLite's dates): ISO 8601, decimal point, true or false, in a column's type."""

from __future__ import annotations

import polars as pl

from churn_assets.domain.lossless_types import ContractTypeError
from churn_assets.domain.tables import Column

MIDNIGHT = r"([T ]00:00(:00(\.0{1,9})?)?(Z|\+00:00)?)?"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
DATE = rf"^{DAY}{MIDNIGHT}$"
TIMESTAMP = rf"^{DAY}[T ][0-9]{{2}}:[0-9]{{2}}(:[0-5][0-9](\.[0-9]{{1,6}}0{{0,3}})?)?(Z|\+00:00)?$"
FORMS: dict[pl.DataType, str] = {
    pl.Int32(): "digits",
    pl.Int64(): "digits",
    pl.Float64(): "a number with a decimal point",
    pl.Boolean(): "true or false",
    pl.Date(): "YYYY-MM-DD",
    pl.Datetime("us"): "YYYY-MM-DDTHH:MM:SS with up to six more digits, in UTC",
}


def from_text(column: Column) -> pl.Expr:
    """Return the column's text as values of its type: blank text is null, text of another form is null as well.

    Args:
        column: the contract's column; the frame has it as text.
    """
    text = _filled(column)
    if column.dtype == pl.String:
        return text
    if column.dtype == pl.Boolean:
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(["true", "false"])).then(lower == "true").alias(column.name)
    if column.dtype == pl.Date:
        return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).pipe(_where, text, DATE)
    if column.dtype == pl.Datetime("us"):
        return _timestamp(text).pipe(_where, text, TIMESTAMP)
    return text.cast(column.dtype, strict=False)


def misread(column: Column) -> pl.Expr:
    """Return where there is text that has another form than the column's type asks for."""
    return _filled(column).is_not_null() & from_text(column).is_null()


def misread_error(column: Column, row: int, text: str) -> ContractTypeError:
    """Return the error for a column with text of another form, which shows the form and no content.

    Args:
        column: the contract's column.
        row: number of the first such row, from 1.
        text: its text.
    """
    return ContractTypeError(
        "column_type",
        column.name,
        found=f"text like '{form_of(text)}' in row {row}",
        expected=f"{column.dtype}, written as {FORMS[column.dtype]}",
        mend="deliver the column in that form",
    )


def form_of(text: str) -> str:
    """Return the form of a text without its content, which may be personal.

    >>> form_of("31-01-2024, Rossi")
    '99-99-9999, Aaaaa'
    """
    masked = ("9" if each.isdigit() else _letter(each) for each in text[:40])
    return "".join(masked)


def _letter(character: str) -> str:
    if not character.isalpha():
        return character if character.isprintable() else "?"
    return "A" if character.isupper() else "a"


def _filled(column: Column) -> pl.Expr:
    """Return the text, with null for an empty one, and for a blank one where the column is no text."""
    text = pl.col(column.name)
    blank = text if column.dtype == pl.String else text.str.strip_chars(" ")
    return pl.when(blank != "").then(text)


def _timestamp(text: pl.Expr) -> pl.Expr:
    plain = text.str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:00)$", "")
    to_minute = pl.when(plain.str.len_bytes() == 16).then(plain + ":00").otherwise(plain)
    return to_minute.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)


def _where(value: pl.Expr, text: pl.Expr, form: str) -> pl.Expr:
    return pl.when(text.str.contains(form)).then(value)
