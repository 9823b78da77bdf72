"""Parquet as other writers leave it: Arrow's own types, Spark's timestamps, columns that are there twice."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.adapters.deliveries import DeliveryError, FilesSource
from churn_assets.domain.tables import BY_NAME
from churn_tests.domain.good_rows import MONTH, good_rows

NOON = datetime(2024, 5, 10, 12, 30, 15)  # noqa: DTZ001  naive means UTC
MIDNIGHT = datetime(2024, 5, 10)  # noqa: DTZ001  naive means UTC


def deliver(folder: Path, table: str, name: str, values: pa.Array, **options: Any) -> None:  # noqa: ANN401  the writer's own
    """Write one good row with another Arrow array in one column."""
    arrow = good_rows(BY_NAME[table], 1).to_arrow()
    path = folder / table / f"{MONTH}.parquet"
    path.parent.mkdir()
    pq.write_table(arrow.set_column(arrow.column_names.index(name), name, values), path, **options)


def read(folder: Path, table: str) -> pl.DataFrame:
    return FilesSource(folder).read(table, MONTH).rows


@pytest.mark.parametrize(
    ("table", "name", "values", "expected"),
    [
        ("transactions", "transaction_date", pa.array([NOON], pa.timestamp("s")), NOON),
        ("transactions", "transaction_date", pa.array([NOON], pa.timestamp("ns", "UTC")), NOON),
        ("transactions", "transaction_date", pa.array([NOON], pa.timestamp("ms", "+00:00")), NOON),
        ("transactions", "status", pa.array(["paid"]).dictionary_encode(), "paid"),
        ("transactions", "status", pa.array(["paid"], pa.large_string()), "paid"),
        ("transactions", "status", pa.array(["paid"], pa.string_view()), "paid"),
        ("transactions", "amount", pa.array([Decimal("12.34")], pa.decimal128(38, 18)), 12.34),
        ("transactions", "amount", pa.array([5], pa.uint64()), 5.0),
        ("transactions", "amount", pa.array([0.5], pa.float32()), 0.5),
        ("transactions", "transaction_id", pa.array([5]).dictionary_encode(), 5),
        ("customers", "signup_date", pa.array([date(2024, 5, 10)], pa.date64()), date(2024, 5, 10)),
        ("customers", "signup_date", pa.array([MIDNIGHT], pa.timestamp("ns")), date(2024, 5, 10)),
        ("customers", "region", pa.nulls(1), None),
    ],
    ids=str,
)
def test_arrows_types_that_lose_nothing_are_read(
    tmp_path: Path,
    table: str,
    name: str,
    values: pa.Array,
    expected: object,
) -> None:
    deliver(tmp_path, table, name, values)

    assert read(tmp_path, table)[name].to_list() == [expected]


def test_sparks_old_timestamps_are_read(tmp_path: Path) -> None:
    values = pa.array([NOON], pa.timestamp("ns"))
    deliver(tmp_path, "transactions", "transaction_date", values, use_deprecated_int96_timestamps=True)

    assert read(tmp_path, "transactions")["transaction_date"].to_list() == [NOON]


@pytest.mark.parametrize(
    ("table", "name", "values"),
    [
        ("transactions", "transaction_date", pa.array([NOON], pa.timestamp("us", "Europe/Rome"))),
        ("transactions", "transaction_date", pa.array([NOON], pa.timestamp("us", "+02:00"))),
        ("transactions", "transaction_date", pa.array([date(2024, 5, 10)], pa.date32())),
        ("transactions", "status", pa.array([b"paid"])),
        ("transactions", "paid_late", pa.array([0], pa.int8())),
        ("transactions", "amount", pa.nulls(1)),
        ("customers", "marketing_opt_out", pa.nulls(1)),
    ],
    ids=str,
)
def test_other_arrow_types_block_and_are_named(
    tmp_path: Path,
    table: str,
    name: str,
    values: pa.Array,
) -> None:
    deliver(tmp_path, table, name, values)

    with pytest.raises(DeliveryError) as caught:
        read(tmp_path, table)

    assert (caught.value.kind, caught.value.column) == ("column_type", name)


def test_nanoseconds_that_would_be_lost_block(tmp_path: Path) -> None:
    deliver(
        tmp_path,
        "transactions",
        "transaction_date",
        pa.array([1_715_344_215_000_000_001], pa.timestamp("ns")),
    )

    with pytest.raises(DeliveryError) as caught:
        read(tmp_path, "transactions")

    assert (caught.value.kind, caught.value.column) == ("lossy", "transaction_date")


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    arrow = good_rows(BY_NAME["transactions"], 1).to_arrow()
    (tmp_path / "transactions").mkdir()
    twice = arrow.append_column("amount", arrow["amount"])
    pq.write_table(twice, tmp_path / "transactions" / f"{MONTH}.parquet")

    with pytest.raises(DeliveryError) as caught:
        read(tmp_path, "transactions")

    assert caught.value.kind == "column_twice"
    assert "amount" in str(caught.value)
