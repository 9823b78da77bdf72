"""The lake: one Delta table an asset, partitioned by month; a month is replaced in one atomic commit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from churn_assets.domain.months import Month

MONTH = "month"
COMPRESSION = WriterProperties(compression="ZSTD", compression_level=3)
ATTEMPTS = 6


class LakeError(Exception):
    """Something that was asked of the lake is not there; the sentence names it and its mend."""


@dataclass(frozen=True)
class Written:
    """What a commit wrote: the table's new version, the rows of the month and their columns."""

    table: str
    month: str
    version: int
    rows: int
    schema: pl.Schema = field(repr=False)


@dataclass(frozen=True)
class Lake:
    """The tables below one root: a folder, or an object store's address with its options."""

    root: str
    storage_options: dict[str, str] | None = None

    def location(self, table: str) -> str:
        """Return where a table lies."""
        return f"{self.root.rstrip('/')}/{table}"

    def write(self, table: str, month: Month, rows: pl.DataFrame, *, run_id: str = "") -> Written:
        """Replace a month of a table in one commit; readers see the old month or the new one.

        The column `month` is added. A column that is new in this month is added to the table, null in the others.

        Raises:
            LakeError: other writers won every one of several attempts.
        """
        frame = rows.with_columns(pl.lit(str(month)).alias(MONTH))
        if not rows.height and not self._exists(table):
            frame.write_delta(self.location(table), mode="error", **self._options(partition_by=[MONTH]))
            return self._written(table, month, rows)
        for attempt in range(ATTEMPTS):
            try:
                self._replace(table, month, frame, run_id)
            except CommitFailedError:
                time.sleep(0.05 * 2**attempt)
            else:
                return self._written(table, month, rows)
        raise LakeError(
            f"{table} {month} could not be written: other writers won {ATTEMPTS} times. Run it again alone"
        )

    def _replace(self, table: str, month: Month, frame: pl.DataFrame, run_id: str) -> None:
        properties = CommitProperties(custom_metadata={"month": str(month), "run_id": run_id})
        if not self._exists(table):
            options = self._options(partition_by=[MONTH], commit_properties=properties)
            try:
                frame.write_delta(self.location(table), mode="error", **options)
            except DeltaError as error:
                if "already exists" not in str(error).lower():
                    raise
            else:
                return
        if not frame.height:
            self._table(table).delete(f"{MONTH} = '{month}'", commit_properties=properties)
            return
        options = self._options(
            predicate=f"{MONTH} = '{month}'", schema_mode="merge", commit_properties=properties
        )
        frame.write_delta(self.location(table), mode="overwrite", **options)

    def scan(self, table: str, months: Sequence[Month] | None = None) -> pl.LazyFrame:
        """Return the rows of some months (of all by default), the column `month` included.

        Raises:
            LakeError: the table does not exist yet.
        """
        if not self._exists(table):
            raise LakeError(f"the lake has no table '{table}' yet; `churn run` makes it")
        rows = pl.scan_delta(self.location(table), storage_options=self.storage_options)
        if months is None:
            return rows
        return rows.filter(pl.col(MONTH).is_in([str(month) for month in months]))

    def read(self, table: str, month: Month) -> pl.DataFrame:
        """Return one month of a table, without the column `month`.

        Raises:
            LakeError: the month is not there.
        """
        if not self.has(table, month):
            raise LakeError(f"{table} has no month {month} in the lake; `churn run --until {month}` makes it")
        return self.scan(table, [month]).drop(MONTH).collect()

    def months(self, table: str) -> list[Month]:
        """Return the months that have rows, in order."""
        if not self._exists(table):
            return []
        keys = {partition[MONTH] for partition in self._table(table).partitions()}
        return sorted(Month.parse(key) for key in keys)

    def has(self, table: str, month: Month) -> bool:
        """Tell whether a month has rows."""
        return month in self.months(table)

    def version(self, table: str) -> int:
        """Return a table's version; -1 where it does not exist."""
        return self._table(table).version() if self._exists(table) else -1

    def _table(self, table: str) -> DeltaTable:
        return DeltaTable(self.location(table), storage_options=self.storage_options)

    def _exists(self, table: str) -> bool:
        if "://" not in self.root:
            return (Path(self.location(table)) / "_delta_log").is_dir() and DeltaTable.is_deltatable(
                self.location(table)
            )
        try:
            self._table(table)
        except TableNotFoundError:
            return False
        return True

    def _options(self, **write: object) -> dict[str, Any]:
        return {
            "storage_options": self.storage_options,
            "delta_write_options": {"writer_properties": COMPRESSION, **write},
        }

    def _written(self, table: str, month: Month, rows: pl.DataFrame) -> Written:
        return Written(table, str(month), self.version(table), rows.height, rows.schema)
