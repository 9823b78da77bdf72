"""Files as they should not be: missing, torn, of another form or encoding, with other columns. And correct CSV."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from churn_assets.simulator.delivery import write_atomically
from churn_assets.simulator.incidents import IncidentKind
from churn_assets.simulator.row_dirt import NUMBER


def write_as(kind: IncidentKind | None, rows: pl.DataFrame, path: Path) -> str | None:
    """Write rows to a Parquet path, or in its place what the kind says; return the column that suffered, if one did.

    None writes a correct Parquet file. A file of the same month in the other format goes away.
    """
    table = path.parent.name
    column = NUMBER[table] if kind in _COLUMN_KINDS else None
    csv = path.with_suffix(".csv")
    if kind in _AS_CSV:
        write_atomically(csv, _AS_CSV[kind](rows))
        path.unlink(missing_ok=True)
        return column
    if kind == IncidentKind.MISSING_FILE:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, _AS_PARQUET[kind](rows, NUMBER[table]))
    csv.unlink(missing_ok=True)
    return column


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def _torn(rows: pl.DataFrame) -> bytes:
    content = _parquet(rows)
    return content[: len(content) // 2]


def _retyped(rows: pl.DataFrame, column: str) -> bytes:
    return _parquet(rows.with_columns(pl.col(column).cast(pl.String)))


def _csv(rows: pl.DataFrame) -> bytes:
    return rows.write_csv().encode()


def _latin1(rows: pl.DataFrame) -> bytes:
    return rows.with_columns(note=pl.lit("perché")).write_csv().encode("latin-1")


def _with_nul(rows: pl.DataFrame) -> bytes:
    lines = _csv(rows).split(b"\n")
    lines[1] += b"\x00"
    return b"\n".join(lines)


def _truncated(rows: pl.DataFrame) -> bytes:
    content = _csv(rows).rstrip(b"\n")
    start = content.rindex(b"\n") + 1
    # the last value must go too, or the line would still be whole
    return content[: start + (content.rindex(b",") - start) // 2]


def _local(rows: pl.DataFrame) -> bytes:
    comma = pl.selectors.float().cast(pl.String).str.replace(".", ",", literal=True)
    local = rows.with_columns(comma)
    return local.write_csv(date_format="%d-%m-%Y", datetime_format="%d-%m-%Y %H:%M:%S").encode()


_AS_PARQUET: Mapping[IncidentKind | None, Callable[[pl.DataFrame, str], bytes]] = MappingProxyType(
    {
        None: lambda rows, _column: _parquet(rows),
        IncidentKind.EMPTY_FILE: lambda _rows, _column: b"",
        IncidentKind.TORN_FILE: lambda rows, _column: _torn(rows),
        IncidentKind.NOT_PARQUET: lambda _rows, _column: b"The export failed. Please call the night shift.\n",
        IncidentKind.RENAMED_COLUMN: lambda rows, column: _parquet(rows.rename({column: f"{column}_new"})),
        IncidentKind.MISSING_COLUMN: lambda rows, column: _parquet(rows.drop(column)),
        IncidentKind.RETYPED_COLUMN: _retyped,
    }
)
_AS_CSV: Mapping[IncidentKind | None, Callable[[pl.DataFrame], bytes]] = MappingProxyType(
    {
        IncidentKind.CSV: _csv,
        IncidentKind.BOM_CSV: lambda rows: b"\xef\xbb\xbf" + _csv(rows),
        IncidentKind.LATIN1_CSV: _latin1,
        IncidentKind.NUL_CSV: _with_nul,
        IncidentKind.TRUNCATED_CSV: _truncated,
        IncidentKind.LOCAL_CSV: _local,
    }
)
_COLUMN_KINDS = {IncidentKind.RENAMED_COLUMN, IncidentKind.MISSING_COLUMN, IncidentKind.RETYPED_COLUMN}
FILE_KINDS = frozenset(
    {IncidentKind.MISSING_FILE, *_AS_CSV, *(kind for kind in _AS_PARQUET if kind is not None)}
)
