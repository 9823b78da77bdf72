"""Writing deliveries: columns to Arrow, chunk after chunk into a file beside, and the file into its place at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.domain.months import Month
from churn_assets.domain.tables import STATUSES, Table
from churn_assets.simulator.draws import Array

_ARROW = {
    pl.Int64(): pa.int64(),
    pl.Int32(): pa.int32(),
    pl.Float64(): pa.float64(),
    pl.Boolean(): pa.bool_(),
    pl.Date(): pa.date32(),
    pl.Datetime("us"): pa.timestamp("us"),
}
_SEQUENTIAL = ("transaction_id", "call_id")  # ids that grow by one: their differences take next to no room


def path_of(folder: Path, table: str, month: Month, suffix: str = ".parquet") -> Path:
    """Return where the file of a table and month lies in a delivery folder."""
    return folder / table / f"{month}{suffix}"


def arrow_table(table: Table, columns: Mapping[str, Array]) -> pa.Table:
    """Return the columns as Arrow, of the contract's types; a masked entry is null, a category is its index."""
    return pa.table(
        {column.name: _arrow_column(table, column.name, columns[column.name]) for column in table.columns}
    )


def _arrow_column(table: Table, name: str, values: Array) -> pa.Array:
    column = table.column(name)
    mask = values.mask if isinstance(values, np.ma.MaskedArray) else None
    plain = np.ma.getdata(values)
    categories = STATUSES if name == "status" else column.categories
    if categories is not None:
        return pa.DictionaryArray.from_arrays(
            pa.array(plain.astype(np.int8), mask=mask), pa.array(categories)
        )
    kind = _ARROW[column.dtype]
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.array(plain, mask=mask).view(kind)
    return pa.array(plain, type=kind, mask=mask)


class GrowingFile:
    """A Parquet file that grows by row groups and is nowhere to be seen under its name until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._writer: pq.ParquetWriter | None = None

    def append(self, rows: pa.Table) -> None:
        """Add rows."""
        if self._writer is None:
            self._writer = _writer(self._beside, rows.schema)
        self._writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
        self.rows += rows.num_rows

    def publish(self) -> None:
        """Put the whole file into its place, in the place of an older one."""
        if self._writer is None:
            raise ValueError(f"{self.path}: nothing was written")
        self._writer.close()
        self._beside.replace(self.path)

    def discard(self) -> None:
        """Remove what has been written and not been published."""
        if self._writer is not None:
            self._writer.close()
        self._beside.unlink(missing_ok=True)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    names = schema.names
    ids = [name for name in names if name in _SEQUENTIAL]
    runs = [
        field.name for field in schema if field.name == "customer_id" or pa.types.is_dictionary(field.type)
    ]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=runs,
        column_encoding=dict.fromkeys(ids, "DELTA_BINARY_PACKED"),
        store_schema=False,  # the file then says text, not dictionary
        write_statistics=True,
    )


@contextmanager
def growing_files(paths: Mapping[str, Path]) -> Iterator[dict[str, GrowingFile]]:
    """Open files that are published together at the end, or not at all when something fails before."""
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    files = {name: GrowingFile(path) for name, path in paths.items()}
    try:
        yield files
        for file in files.values():
            file.publish()
    finally:
        for file in files.values():
            file.discard()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file beside its place and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    beside.write_bytes(content)
    beside.replace(path)
