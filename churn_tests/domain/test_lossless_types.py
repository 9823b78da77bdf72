"""Which types a delivery may have, and which block, with the sentence that says so."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from churn_assets.domain.lossless_types import ContractTypeError, to_column, to_contract
from churn_assets.domain.tables import (
    APP_USAGE,
    CALL_RECORDS,
    CUSTOMERS,
    SUPPORT_TICKETS,
    TABLES,
    TRANSACTIONS,
    Column,
    Table,
)
from churn_tests.domain.good_rows import good_rows

AMOUNT = TRANSACTIONS.column("amount")
ID = TRANSACTIONS.column("transaction_id")
DURATION = CALL_RECORDS.column("duration_seconds")
USAGE = CALL_RECORDS.column("data_usage_mb")
MOMENT = TRANSACTIONS.column("transaction_date")
DAY = APP_USAGE.column("usage_date")
STATUS = TRANSACTIONS.column("status")
LATE = TRANSACTIONS.column("paid_late")
REGION = CUSTOMERS.column("region")
RESOLVED = SUPPORT_TICKETS.column("resolved_at")

NOON = datetime(2024, 5, 10, 12, 30, 15)  # noqa: DTZ001  naive means UTC
MIDNIGHT = datetime(2024, 5, 10)  # noqa: DTZ001  naive means UTC


def of(dtype: pl.DataType | type[pl.DataType], *values: object) -> pl.Series:
    return pl.Series("any", values, dtype=dtype)


def moments(unit: str, zone: str | None = None, *values: datetime) -> pl.Series:
    return pl.Series(values or (NOON,)).cast(pl.Datetime(unit)).dt.replace_time_zone(zone)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "delivered", "expected"),
    [
        *((ID, of(dtype, 7, None), [7, None]) for dtype in (pl.Int8, pl.Int16, pl.Int32)),
        *((ID, of(dtype, 7, None), [7, None]) for dtype in (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)),
        (ID, of(pl.UInt64, 2**63 - 1), [2**63 - 1]),
        *((DURATION, of(dtype, 7), [7]) for dtype in (pl.Int8, pl.Int16, pl.UInt8, pl.UInt16)),
        (DURATION, of(pl.Int64, 2**31 - 1, -(2**31)), [2**31 - 1, -(2**31)]),
        (DURATION, of(pl.UInt32, 2**31 - 1), [2**31 - 1]),
        (DURATION, of(pl.UInt64, 86_400), [86_400]),
        (AMOUNT, of(pl.Float32, 0.5, math.nan, None), [0.5, math.nan, None]),
        (AMOUNT, of(pl.Int64, 2**53, -(2**53), None), [2.0**53, -(2.0**53), None]),
        (AMOUNT, of(pl.Int64, 2**60), [2.0**60]),
        (AMOUNT, of(pl.UInt8, 255), [255.0]),
        (AMOUNT, of(pl.Decimal(10, 2), Decimal("12.34"), None), [12.34, None]),
        (AMOUNT, of(pl.Decimal(38, 18), Decimal("999.99"), Decimal("-0.01")), [999.99, -0.01]),
        (AMOUNT, of(pl.Decimal(38, 10), Decimal("999999.99")), [999_999.99]),
        (AMOUNT, of(pl.Decimal(38, 0), Decimal(10**20)), [1e20]),
        (STATUS, of(pl.Categorical, "paid", None), ["paid", None]),
        (STATUS, of(pl.Enum(["paid", "lost"]), "lost"), ["lost"]),
        (MOMENT, moments("ms"), [NOON]),
        (MOMENT, moments("ns"), [NOON]),
        (MOMENT, moments("us", "UTC"), [NOON]),
        (MOMENT, moments("ms", "Etc/UTC"), [NOON]),
        (DAY, moments("us", None, MIDNIGHT), [date(2024, 5, 10)]),
        (DAY, moments("ns", "UTC", MIDNIGHT), [date(2024, 5, 10)]),
        (REGION, of(pl.Null, None, None), [None, None]),
        (RESOLVED, of(pl.Null, None), [None]),
    ],
)
def test_a_lossless_type_becomes_the_contracts(
    column: Column, delivered: pl.Series, expected: list[object]
) -> None:
    typed = to_column(column, delivered)

    assert typed.dtype == column.dtype
    assert typed.equals(pl.Series(expected, dtype=column.dtype))


@pytest.mark.parametrize(
    ("column", "delivered"),
    [
        (ID, of(pl.UInt64, 1, 2**63)),
        (DURATION, of(pl.Int64, 1, 2**31)),
        (DURATION, of(pl.Int64, 1, -(2**31) - 1)),
        (DURATION, of(pl.UInt32, 1, 2**32 - 1)),
        (AMOUNT, of(pl.Int64, 1, 2**53 + 1)),
        (AMOUNT, of(pl.Int64, 1, 2**63 - 1)),
        (AMOUNT, of(pl.UInt64, 1, 2**64 - 1)),
        (AMOUNT, of(pl.Decimal(38, 18), Decimal(1), Decimal("0.123456789012345678"))),
        (AMOUNT, of(pl.Decimal(38, 2), Decimal(1), Decimal("123456789012345678.91"))),
        (MOMENT, pl.Series([1_000, 1_001]).cast(pl.Datetime("ns"))),
        (DAY, pl.Series([MIDNIGHT, NOON])),
        (DAY, pl.Series([0, 1]).cast(pl.Datetime("ns"))),
    ],
)
def test_a_value_that_would_change_blocks(column: Column, delivered: pl.Series) -> None:
    with pytest.raises(ContractTypeError) as caught:
        to_column(column, delivered)

    error = caught.value
    assert (error.kind, error.column) == ("lossy", column.name)
    assert error.found == f"{delivered.dtype} with 1 values that do not fit, the first in row 2"
    assert str(column.dtype)[:5] in error.expected


@pytest.mark.parametrize(
    ("column", "delivered"),
    [
        (ID, of(pl.Float64, 7.0)),
        (ID, of(pl.String, "7")),
        (ID, of(pl.Decimal(10, 0), Decimal(7))),
        (ID, of(pl.Null, None)),
        (ID, of(pl.Boolean, None)),
        (ID, of(pl.Int128, 7)),
        (DURATION, of(pl.Float64, 7.0)),
        (DURATION, of(pl.Duration("us"), 7)),
        (AMOUNT, of(pl.String, "12,50")),
        (AMOUNT, of(pl.Boolean, None)),
        (USAGE, of(pl.Decimal(10, 2), Decimal(1))),
        (STATUS, of(pl.Binary, b"paid")),
        (STATUS, of(pl.Int64, 1)),
        (MOMENT, of(pl.String, "2024-05-10 12:30:15")),
        (MOMENT, of(pl.Int64, 1_715_344_215)),
        (MOMENT, of(pl.Date, date(2024, 5, 10))),
        (MOMENT, moments("us", "Europe/Rome")),
        (MOMENT, moments("us", "Etc/GMT-2")),
        (DAY, of(pl.String, "2024-05-10")),
        (DAY, moments("us", "Europe/Rome", MIDNIGHT)),
        (DAY, of(pl.Int32, 19_853)),
        (LATE, of(pl.Int8, 1)),
        (LATE, of(pl.String, "true")),
        (LATE, of(pl.Null, None)),
    ],
)
def test_any_other_type_blocks(column: Column, delivered: pl.Series) -> None:
    with pytest.raises(ContractTypeError) as caught:
        to_column(column, delivered)

    error = caught.value
    assert (error.kind, error.column, error.found) == ("column_type", column.name, str(delivered.dtype))
    assert all(part in str(error) for part in (column.name, error.found, error.expected))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_order_of_columns_means_nothing_and_further_ones_are_ignored(table: Table) -> None:
    rows = good_rows(table)
    other = rows.select(pl.lit(1).alias("batch"), *reversed(rows.columns))

    assert_frame_equal(to_contract(table, other), rows)


def test_a_renamed_column_is_named_with_what_was_found_instead() -> None:
    rows = good_rows(TRANSACTIONS).rename({"amount": "Amount"})

    with pytest.raises(ContractTypeError) as caught:
        to_contract(TRANSACTIONS, rows)

    error = caught.value
    assert (error.kind, error.column, error.expected) == ("column_missing", "amount", "amount Float64")
    assert error.found == "no such column but Amount"


@settings(deadline=None, max_examples=50)
@given(cents=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=5), scale=st.integers(2, 20))
def test_cents_survive_in_decimals_of_any_scale(cents: list[int], scale: int) -> None:
    values = [Decimal(each).scaleb(-2) for each in cents]
    delivered = pl.Series(values, dtype=pl.Decimal(38, 2)).cast(pl.Decimal(38, scale))

    assert to_column(AMOUNT, delivered).to_list() == [float(value) for value in values]
