"""The same rows give the same bits: in any order, chunks, engine, threads and buckets of customers."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from churn_assets.domain.features.matrix import Engine
from churn_assets.domain.features.support import newest_tickets
from churn_tests.domain.features.agreement import assert_agrees, bits
from churn_tests.domain.features.many_rows import MONTH, Tables, digest, matrix_of, shuffled, tables
from churn_tests.domain.features.reference import reference_matrix

ROOT = Path(__file__).parents[3]
EVENT_TIMES = {
    "transactions": "transaction_date",
    "call_records": "call_date",
    "support_tickets": "ticket_date",
    "app_usage": "usage_date",
}


@pytest.fixture(scope="module")
def rows() -> Tables:
    return tables()


@pytest.fixture(scope="module")
def matrix(rows: Tables) -> pl.DataFrame:
    return matrix_of(rows)


def test_the_matrix_of_many_rows_agrees_with_the_independent_implementation(
    rows: Tables, matrix: pl.DataFrame
) -> None:
    assert_agrees(matrix, reference_matrix(str(MONTH), *(table.to_dicts() for table in rows.values())))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_neither_order_nor_chunks_nor_engine_change_a_bit(
    rows: Tables, matrix: pl.DataFrame, seed: int, engine: Engine
) -> None:
    assert bits(matrix_of(shuffled(rows, seed), engine)) == bits(matrix)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_bit(matrix: pl.DataFrame, threads: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "churn_tests.domain.features.many_rows", str(threads)],
        cwd=ROOT,
        env=os.environ | {"POLARS_MAX_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == digest(matrix)


@pytest.mark.parametrize("buckets", [1, 16, 64])
def test_buckets_of_customers_put_together_are_the_whole(
    rows: Tables, matrix: pl.DataFrame, buckets: int
) -> None:
    newest = rows | {"support_tickets": newest_tickets(rows["support_tickets"].lazy(), MONTH).collect()}
    of_bucket = pl.col("customer_id").hash(seed=5) % buckets
    parts = [
        matrix_of({name: table.filter(of_bucket == bucket) for name, table in newest.items()})
        for bucket in range(buckets)
    ]
    assert bits(pl.concat(parts).sort("customer_id")) == bits(matrix)


def test_events_at_or_after_the_snapshot_change_no_bit(rows: Tables, matrix: pl.DataFrame) -> None:
    earlier = dict(rows)
    for name, column in EVENT_TIMES.items():
        earlier[name] = rows[name].filter(pl.col(column) < MONTH.snapshot)
        assert earlier[name].height < rows[name].height
    assert bits(matrix_of(earlier)) == bits(matrix)


def test_another_future_of_open_tickets_changes_no_bit(rows: Tables, matrix: pl.DataFrame) -> None:
    resolved_later = pl.col("resolved_at") >= MONTH.snapshot
    changed = rows["support_tickets"].with_columns(
        resolved_at=pl.when(resolved_later)
        .then(pl.lit(MONTH.snapshot + timedelta(days=9)))
        .otherwise("resolved_at"),
        resolution_hours=pl.when(resolved_later).then(None).otherwise("resolution_hours"),
    )
    newer = pl.col("delivered_month") > str(MONTH)
    changed = changed.with_columns(is_escalated=newer | pl.col("is_escalated"))
    assert bits(matrix_of(rows | {"support_tickets": changed})) == bits(matrix)
