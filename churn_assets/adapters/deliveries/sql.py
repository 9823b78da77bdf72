"""Deliveries from an SQL database: a query per table with the month's bounds as parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl
import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from churn_assets.adapters.deliveries.delivered_tables import delivered_tables
from churn_assets.adapters.deliveries.errors import DeliveryError, DeliveryFault
from churn_assets.adapters.deliveries.fingerprints import Fingerprint, Stamp
from churn_assets.adapters.deliveries.source import Delivered
from churn_assets.adapters.deliveries.sql_values import Dialect, column_values
from churn_assets.domain.lossless_types import ContractTypeError, require_columns
from churn_assets.domain.months import Month
from churn_assets.domain.tables import Table

BATCH_ROWS = 200_000
"""Rows that are fetched as Python objects at a time; bounds the memory."""
UTC_SESSION = {"postgresql": "SET TIME ZONE 'UTC'", "mysql": "SET time_zone = '+00:00'"}
"""What makes a session compare the bounds, which carry no zone, in UTC."""


class SqlSource:
    """The deliveries of one database. Each query has the parameters `:month_start` and `:month_end`."""

    def __init__(
        self,
        url: str,
        queries: Mapping[str, str],
        *,
        first_month: Month,
        last_month: Month | None = None,
        first_months: Mapping[str, Month] | None = None,
        extra_columns: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare to ask a database; nothing is connected yet.

        Args:
            url: SQLAlchemy's address of the database.
            queries: table -> its query; for months half-open in UTC, `>= :month_start` and `< :month_end`.
            first_month: the first month of the history.
            last_month: the last month of the history; a database does not say which months have closed.
            first_months: table -> its first month, where it is delivered later than the others.
            extra_columns: further columns of `customers`: name -> `number` or `category`.

        Raises:
            ValueError: a required table without a query, or a table or column that cannot be.
        """
        self._engine = sqlalchemy.create_engine(url)
        dialect = self._engine.dialect
        self._dialect = Dialect(dialect.name == "sqlite", not dialect.supports_native_boolean)
        self._queries = dict(queries)
        self._first_month = first_month
        self._last_month = last_month or first_month
        self._first_months = dict(first_months or {})
        self._tables = {table.name: table for table in delivered_tables(queries, extra_columns or {})}
        for name in self._tables:
            if name not in self._queries:
                raise ValueError(f"the source has no query for {name}, which is always needed: write one")

    def tables(self) -> tuple[Table, ...]:
        """Return the contracts of the tables that have a query."""
        return tuple(self._tables.values())

    def months(self) -> list[Month]:
        """Return the months from the first to the last of the history, as they were given."""
        return list(self._first_month.until(self._last_month))

    def first_month(self, table: str) -> Month | None:
        """Return the month from which on the table is delivered; None where it is not."""
        if table not in self._tables:
            return None
        return self._first_months.get(table, self._first_month)

    def fingerprint(self, table: str, month: Month) -> Fingerprint | None:
        """Return by what the query's answer is recognised; None before the table's first month.

        A database tells nothing cheaply: this asks the query, and "unchanged?" compares digests.
        """
        first = self.first_month(table)
        if first is None or month < first:
            return None
        stamp = self.read(table, month).stamp
        return Fingerprint(stamp.path, stamp.size, digest=lambda: stamp.sha256)

    def read(self, table: str, month: Month) -> Delivered:
        """Return the rows of a month.

        Raises:
            DeliveryError: the query fails, or its answer is not as the contract says.
            KeyError: the table has no query.
        """
        contract = self._tables[table]
        name = f"query {table}"
        try:
            rows = self._ask(contract, month)
        except (DeliveryFault, ContractTypeError) as fault:
            raise DeliveryError(table, month, name, fault) from fault
        except SQLAlchemyError as error:
            # the whole text would repeat the statement and its parameters
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            failed = DeliveryFault(
                "query", f"the database answers '{reason}'", "mend the query or the connection"
            )
            raise DeliveryError(table, month, name, failed) from error
        return Delivered(rows, Stamp(name, rows.height, 0, 0, _digest(rows)))

    def _ask(self, table: Table, month: Month) -> pl.DataFrame:
        with self._engine.connect() as connection:
            if self._engine.dialect.name in UTC_SESSION:
                connection.execute(sqlalchemy.text(UTC_SESSION[self._engine.dialect.name]))
            statement = sqlalchemy.text(self._queries[table.name])
            streaming = connection.execution_options(stream_results=True)
            answer = streaming.execute(statement, self._bounds(month))
            return self._typed(table, list(answer.keys()), answer.partitions(BATCH_ROWS))

    def _bounds(self, month: Month) -> dict[str, datetime | str]:
        """Return the month's bounds; as days where dates are text, which then sort right with and without a time."""
        start, end = month.start, month.snapshot
        if self._dialect.dates_are_text:
            return {"month_start": start.date().isoformat(), "month_end": end.date().isoformat()}
        return {"month_start": start, "month_end": end}

    def _typed(
        self, table: Table, names: list[str], batches: Iterable[Sequence[Sequence[object]]]
    ) -> pl.DataFrame:
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise DeliveryFault(
                "column_twice", f"column {twice[0]} is there twice", "select each column once"
            )
        require_columns(table, names)
        place = {column.name: names.index(column.name) for column in table.columns}
        frames = [pl.DataFrame(schema=table.schema)]
        for batch in batches:
            values = list(zip(*batch, strict=True))
            series = [
                column_values(column, values[place[column.name]], self._dialect) for column in table.columns
            ]
            frames.append(pl.DataFrame(series))
        return pl.concat(frames)


def _digest(rows: pl.DataFrame) -> str:
    """Return a digest of the rows that does not depend on their order."""
    content = rows.sort(rows.columns).rechunk().write_ipc(None)
    return hashlib.sha256(content.getbuffer()).hexdigest()
