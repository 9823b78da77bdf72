"""Deliveries from a real SQLite database: the month's bounds, the types, and what is refused."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn_assets.adapters.deliveries import DeliveryError, SqlSource
from churn_assets.adapters.deliveries import sql as sql_module
from churn_assets.adapters.deliveries.sql_values import Dialect, column_values
from churn_assets.domain.lossless_types import ContractTypeError
from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME, CUSTOMERS, TABLES, TRANSACTIONS, Table
from churn_tests.domain.good_rows import MONTH, good_rows

FIRST = Month(2024, 4)
PAYMENTS = (
    "SELECT * FROM transactions WHERE transaction_date >= :month_start AND transaction_date < :month_end"
)
QUERIES = {table.name: f"SELECT * FROM {table.name}" for table in TABLES}
FULL = Dialect(dates_are_text=False, booleans_are_bits=False)


def store(folder: Path, table: str, rows: pl.DataFrame) -> None:
    """Put rows into a table of SQLite, which has no dates and no booleans."""
    plain = rows.with_columns(pl.col(pl.Date, pl.Datetime).cast(pl.String), pl.col(pl.Boolean).cast(pl.Int8))
    connection = sqlite3.connect(folder / "operator.db")
    with connection:
        connection.execute(f"CREATE TABLE {table} ({', '.join(rows.columns)})")
        marks = ", ".join("?" * rows.width)
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", plain.rows())
    connection.close()


def source(folder: Path, **queries: str) -> SqlSource:
    return SqlSource(
        f"sqlite:///{folder}/operator.db", QUERIES | queries, first_month=FIRST, last_month=MONTH
    )


def refused(folder: Path, query: str, table: str = "transactions") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        source(folder, **{table: query}).read(table, MONTH)
    assert (caught.value.table, caught.value.month, caught.value.source) == (table, MONTH, f"query {table}")
    return caught.value


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_rows_of_a_query_are_those_of_a_file(tmp_path: Path, table: Table) -> None:
    store(tmp_path, table.name, good_rows(table).with_columns(batch=pl.lit(1)).select("batch", *table.schema))

    delivered = source(tmp_path).read(table.name, MONTH)

    assert_frame_equal(delivered.rows, good_rows(table))
    assert (delivered.source, delivered.bytes) == (f"query {table.name}", good_rows(table).height)


@pytest.mark.parametrize("written", ["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"])
def test_the_month_is_half_open(tmp_path: Path, written: str) -> None:
    second = timedelta(seconds=1)
    moments = [MONTH.start - second, MONTH.start, MONTH.snapshot - second, MONTH.snapshot]
    rows = good_rows(TRANSACTIONS, 4).with_columns(
        transaction_date=pl.Series([each.strftime(written) for each in moments])
    )
    store(tmp_path, "transactions", rows)

    assert source(tmp_path, transactions=PAYMENTS).read("transactions", MONTH).rows[
        "transaction_id"
    ].to_list() == [2, 3]


def test_many_batches_are_one_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_module, "BATCH_ROWS", 3)
    rows = good_rows(CUSTOMERS, 10)
    store(tmp_path, "customers", rows)

    assert_frame_equal(source(tmp_path).read("customers", MONTH).rows, rows)


def test_an_answer_without_rows_is_a_delivery_of_no_rows(tmp_path: Path) -> None:
    store(tmp_path, "transactions", good_rows(TRANSACTIONS).clear())

    rows = source(tmp_path).read("transactions", MONTH).rows

    assert (rows.height, rows.schema) == (0, TRANSACTIONS.schema)


def test_nulls_without_a_value_beside_them_are_left_to_judgement(tmp_path: Path) -> None:
    store(tmp_path, "transactions", good_rows(TRANSACTIONS).with_columns(amount=pl.lit(None, pl.Float64)))

    assert source(tmp_path).read("transactions", MONTH).rows["amount"].null_count() == 6


@pytest.mark.parametrize(
    ("expression", "kind", "column"),
    [
        ("'12,50' AS amount", "column_type", "amount"),
        ("iif(transaction_id > 3, 'x', 1.5) AS amount", "column_type", "amount"),
        ("'10-05-2024' AS transaction_date", "column_type", "transaction_date"),
        ("1715344215 AS transaction_date", "column_type", "transaction_date"),
        ("2 AS paid_late", "lossy", "paid_late"),
        ("'true' AS paid_late", "column_type", "paid_late"),
        ("1.5 AS transaction_id", "column_type", "transaction_id"),
        ("9007199254740993 AS amount", "lossy", "amount"),
        ("iif(transaction_id > 3, 9007199254740993, 1.5) AS amount", "lossy", "amount"),
        ("x'00' AS status", "column_type", "status"),
        ("1 AS other", "column_missing", "amount"),
    ],
)
def test_a_column_that_does_not_fit_is_named(tmp_path: Path, expression: str, kind: str, column: str) -> None:
    store(tmp_path, "transactions", good_rows(TRANSACTIONS))
    name = expression.rpartition(" ")[2].replace("other", "amount")
    others = ", ".join(each for each in TRANSACTIONS.schema if each != name)

    error = refused(tmp_path, f"SELECT {others}, {expression} FROM transactions")

    assert (error.kind, error.column) == (kind, column)
    assert all(part in str(error) for part in ("transactions", "2024-05", column))


def test_a_failing_query_is_reported_without_its_text(tmp_path: Path) -> None:
    error = refused(tmp_path, "SELECT 'secret' FROM absent")

    assert error.kind == "query"
    assert "no such table: absent" in str(error)
    assert "secret" not in str(error)


def test_a_column_selected_twice_is_refused(tmp_path: Path) -> None:
    store(tmp_path, "transactions", good_rows(TRANSACTIONS))

    assert refused(tmp_path, "SELECT *, 1 AS amount FROM transactions").kind == "column_twice"


def test_an_answer_is_recognised_in_any_order_of_its_rows(tmp_path: Path) -> None:
    store(tmp_path, "transactions", good_rows(TRANSACTIONS))
    upwards = source(tmp_path).read("transactions", MONTH).stamp
    downwards = source(tmp_path, transactions="SELECT * FROM transactions ORDER BY 1 DESC")
    fewer = source(tmp_path, transactions="SELECT * FROM transactions WHERE transaction_id <> 3")
    columns = ", ".join(name for name in TRANSACTIONS.schema if name != "paid_late")
    other = source(tmp_path, transactions=f"SELECT {columns}, 1 AS paid_late FROM transactions")

    def unchanged(database: SqlSource) -> bool:
        fingerprint = database.fingerprint("transactions", MONTH)
        return fingerprint is not None and fingerprint.unchanged_since(upwards)

    assert unchanged(downwards)
    assert not unchanged(fewer)
    assert not unchanged(other)


def test_months_and_tables_are_those_of_the_settings(tmp_path: Path) -> None:
    queries = {name: QUERIES[name] for name in ("customers", "transactions", "app_usage")}
    database = SqlSource(
        f"sqlite:///{tmp_path}/operator.db",
        queries,
        first_month=FIRST,
        last_month=MONTH,
        first_months={"app_usage": MONTH},
        extra_columns={"score": "number"},
    )

    assert database.months() == [FIRST, MONTH]
    assert [table.name for table in database.tables()] == ["customers", "transactions", "app_usage"]
    assert database.tables()[0].schema["score"] == pl.Float64()
    assert (database.first_month("customers"), database.first_month("app_usage")) == (FIRST, MONTH)
    assert (database.first_month("call_records"), database.fingerprint("app_usage", FIRST)) == (None, None)


def test_a_required_table_needs_a_query(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no query for transactions"):
        SqlSource(f"sqlite:///{tmp_path}/operator.db", {"customers": "SELECT 1"}, first_month=FIRST)


@pytest.mark.parametrize(
    ("table", "name", "values", "expected"),
    [
        ("transactions", "amount", [Decimal("12.34"), None], [12.34, None]),
        ("transactions", "amount", [1, 2.5, None], [1.0, 2.5, None]),
        ("transactions", "paid_late", [True, None], [True, None]),
        ("customers", "signup_date", [MONTH.start.date()], [MONTH.start.date()]),
        ("customers", "signup_date", [MONTH.start], [MONTH.start.date()]),
        ("transactions", "transaction_date", [MONTH.start], [MONTH.start]),
    ],
)
def test_values_of_a_database_with_all_types_are_typed_without_loss(
    table: str, name: str, values: list[object], expected: list[object]
) -> None:
    column = BY_NAME[table].column(name)

    assert column_values(column, values, FULL).to_list() == expected


def test_a_timestamp_with_an_offset_is_an_instant_in_utc() -> None:
    column = TRANSACTIONS.column("transaction_date")
    aware = datetime.fromisoformat("2024-05-10T12:00:00+02:00")

    assert column_values(column, [aware], FULL).to_list() == [datetime(2024, 5, 10, 10)]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("name", "values"),
    [("transaction_date", ["2024-05-10 12:30:15"]), ("paid_late", [1, 0]), ("transaction_id", [2**200])],
)
def test_text_and_bits_are_no_dates_and_booleans_where_the_database_has_those(
    name: str, values: list[object]
) -> None:
    with pytest.raises(ContractTypeError) as caught:
        column_values(TRANSACTIONS.column(name), values, FULL)

    assert caught.value.column == name
