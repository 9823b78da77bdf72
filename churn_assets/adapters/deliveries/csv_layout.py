"""Is a CSV file whole? Its bytes, its header and the number of fields of each line, before any value is read."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from churn_assets.adapters.deliveries.errors import DeliveryFault
from churn_assets.domain.lossless_types import ContractTypeError, require_columns
from churn_assets.domain.tables import Table

CHUNK = 1 << 22
UTF8 = "deliver the file as UTF-8 text"
AGAIN = "deliver it again, whole"


@dataclass(frozen=True)
class Layout:
    """What a CSV file without faults looks like.

    Attributes:
        rows: lines of data; blank lines at the end are none.
        ends_with_newline: the last line was ended; where it was not, the file may have been cut in its last field.
    """

    rows: int
    ends_with_newline: bool


@dataclass(frozen=True)
class _Bytes:
    has_quotes: bool
    ends_with_newline: bool


def check_layout(path: Path, table: Table) -> Layout:
    """Check that a file is UTF-8 text whose lines all have the header's fields, the table's columns among them.

    A byte order mark before the header is accepted.

    Raises:
        DeliveryFault: it is not.
        ContractTypeError: a column is missing, or a decimal comma cuts one in two.
        OSError: the file cannot be read.
    """
    content = _check_bytes(path)
    header = _header(path, table)
    lines = _quoted_lines(path) if content.has_quotes else _plain_lines(path)
    return Layout(_count_rows(path, table, header, lines), content.ends_with_newline)


def _check_bytes(path: Path) -> _Bytes:
    decoder = codecs.getincrementaldecoder("utf-8")()
    has_quotes, last, position = False, b"", 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if b"\0" in chunk:
                place = position + chunk.index(b"\0") + 1
                raise DeliveryFault("not_utf8", f"byte {place} is zero, which no text has", UTF8)
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise DeliveryFault(
                    "not_utf8", f"{error.reason} near byte {position + error.start + 1}", UTF8
                ) from None
            has_quotes |= b'"' in chunk
            last, position = chunk[-1:], position + len(chunk)
    if decoder.getstate()[0]:
        raise DeliveryFault("torn", "the file ends within a character", AGAIN)
    return _Bytes(has_quotes, last == b"\n")


def _header(path: Path, table: Table) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        first_line_end = stream.readline()[-2:]
        stream.seek(0)
        header = next(_records(stream), [])
    if first_line_end.endswith("\r"):
        raise DeliveryFault("torn", "its lines end with CR alone", "end lines with LF or CR LF")
    if len(header) == 1 and table.key[0] in header[0] and header[0] != table.key[0]:
        problem = "the header is one field, expected fields that commas separate"
        raise DeliveryFault("column_missing", problem, "separate fields by commas")
    require_columns(table, header)
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise DeliveryFault("column_twice", f"column {twice[0]} is there twice", "deliver each column once")
    return header


def _plain_lines(path: Path) -> pl.LazyFrame:
    line = pl.col("lines")
    fields = pl.when(line != "").then(line.str.count_matches(",", literal=True) + 1).otherwise(0)
    return pl.scan_lines(path, name="lines").select(fields.cast(pl.UInt32).alias("fields"))


def _quoted_lines(path: Path) -> pl.LazyFrame:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        counts = pl.Series("fields", (len(record) for record in _records(stream)), dtype=pl.UInt32)
    return counts.to_frame().lazy()


def _count_rows(path: Path, table: Table, header: list[str], lines: pl.LazyFrame) -> int:
    """Return the number of data lines, all of which have the header's number of fields."""
    fields = pl.col("fields")
    filled = lines.with_row_index("line").filter(fields > 0)
    last, wrong = (
        filled.select(pl.col("line").max(), pl.col("line").filter(fields != len(header)).min().alias("wrong"))
        .collect(engine="streaming")
        .row(0)
    )
    if wrong is not None:
        raise _wrong_fields(path, table, header, wrong)
    if filled.select(pl.len()).collect(engine="streaming").item() != last + 1:
        raise DeliveryFault(
            "torn", "a blank line stands among the rows", "deliver the file without blank lines"
        )
    return int(last)


def _wrong_fields(
    path: Path, table: Table, header: list[str], line: int
) -> DeliveryFault | ContractTypeError:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        record = next(each for number, each in enumerate(_records(stream)) if number == line)
    if (name := _cut_number(table, header, record)) is not None:
        return ContractTypeError(
            "column_type",
            name,
            found=f"text such as '99,99' in row {line}, which is two fields",
            expected="Float64",
            mend="write numbers with a decimal point",
        )
    problem = f"line {line + 1} has {len(record)} fields, expected the header's {len(header)}"
    return DeliveryFault("torn", problem, AGAIN)


def _cut_number(table: Table, header: list[str], record: list[str]) -> str | None:
    """Return the column of a number whose decimal comma made two fields of it, if that explains the line."""
    if len(record) <= len(header):
        return None
    for place, name in enumerate(header):
        number = name in table.schema and table.schema[name].is_float()
        if number and record[place].lstrip("-").isdigit() and record[place + 1].isdigit():
            return name
    return None


def _records(stream: Iterator[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(stream, strict=True)
    except csv.Error as error:
        raise DeliveryFault("torn", f"its quotes do not close ({error})", AGAIN) from None
