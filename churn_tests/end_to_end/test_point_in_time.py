"""Nothing from the snapshot on reaches a month's features; and they are those of an independent implementation."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from churn_assets.defs.features import LABELS
from churn_assets.domain.months import Month
from churn_tests.domain.features.agreement import assert_agrees
from churn_tests.domain.features.reference import Row, reference_matrix
from churn_tests.end_to_end.installation import APRIL, FEBRUARY, JANUARY, MARCH, Installation
from churn_tests.end_to_end.spoiling import changed

BEFORE = (JANUARY, FEBRUARY, MARCH)


def test_another_april_changes_no_bit_of_march(before_april: Installation, to_april: Installation) -> None:
    _deliver_another_april(before_april)

    assert before_april.live(APRIL)[-1].outcome == "done"

    assert before_april.published(BEFORE) == to_april.bits_of(BEFORE)
    assert before_april.published([APRIL]).keys() == to_april.bits_of([APRIL]).keys()
    for asset, other in before_april.published([APRIL]).items():
        assert other != to_april.bits_of([APRIL])[asset], asset


def test_rows_of_april_in_the_file_of_march_change_no_bit_of_march(
    after_april: Installation, to_april: Installation
) -> None:
    rows = after_april.rows("call_records", MARCH)
    early = rows.head(20).with_columns(pl.col("call_id") + 10**15, call_date=APRIL.start)
    after_april.deliver("call_records", MARCH, pl.concat([rows, early]))

    after_april.live(MARCH)

    assert after_april.counts(MARCH, "call_records")["quarantined"] == 20
    assert after_april.published(BEFORE) == to_april.bits_of(BEFORE)


def test_a_ticket_resolved_after_the_snapshot_counts_as_open(
    after_april: Installation, to_april: Installation
) -> None:
    rows = after_april.rows("support_tickets", MARCH)
    is_open = pl.col("resolved_at").is_null()
    assert rows.filter(is_open).height
    resolved = {"resolved_at": MARCH.snapshot, "resolution_hours": 7.0}
    after_april.deliver(
        "support_tickets",
        MARCH,
        rows.with_columns(
            pl.when(is_open).then(pl.lit(value, rows.schema[name])).otherwise(pl.col(name)).alias(name)
            for name, value in resolved.items()
        ),
    )

    after_april.live(MARCH)

    assert after_april.matrix(MARCH).equals(to_april.matrix(MARCH))


@pytest.mark.parametrize("month", [JANUARY, APRIL], ids=str)
def test_the_features_are_those_of_an_independent_implementation(
    to_april: Installation, month: Month
) -> None:
    matrix = to_april.matrix(month).gather_every(12)
    sample = matrix["customer_id"]

    customers = _of(to_april.rows("customers", month), sample)
    events = [
        [row for each in JANUARY.until(APRIL) for row in _of(_delivered(to_april, table, each), sample)]
        for table in ("transactions", "call_records", "support_tickets", "app_usage")
    ]

    assert_agrees(matrix, reference_matrix(str(month), customers, *events))


def test_labels_are_what_the_next_delivery_says(to_april: Installation) -> None:
    labels = dict(to_april.lake.read(LABELS, APRIL).select("customer_id", "churned").iter_rows())

    active = set(to_april.matrix(MARCH)["customer_id"])
    april = to_april.rows("customers", APRIL).select("customer_id", "churned_on").iter_rows()
    assert labels == {customer: int(left is not None) for customer, left in april if customer in active}
    assert 0 < sum(labels.values()) < len(labels) / 10


def _delivered(installation: Installation, table: str, month: Month) -> pl.DataFrame:
    rows = installation.rows(table, month)
    return rows.with_columns(delivered_month=pl.lit(str(month))) if table == "support_tickets" else rows


def _of(rows: pl.DataFrame, customers: pl.Series) -> list[Row]:
    return rows.filter(pl.col("customer_id").is_in(customers.implode())).to_dicts()


def _deliver_another_april(installation: Installation) -> None:
    """Change every event of April, the state of every ticket that is delivered again, and who leaves."""
    days = timedelta(days=1)
    rows = {
        table: installation.rows(table, APRIL)
        for table in ("customers", "transactions", "call_records", "support_tickets", "app_usage")
    }
    leavers_last = rows["customers"].sort("churned_on", descending=True, nulls_last=False)
    other = {
        "customers": changed(
            leavers_last.with_columns(pl.col("plan_monthly_eur") + 1, churned_on=pl.lit(None, pl.Date)),
            20,
            churned_on=APRIL.start.date(),
        ),
        "transactions": rows["transactions"].with_columns(pl.col("amount") + 1, ~pl.col("paid_late")),
        "call_records": rows["call_records"].with_columns(
            pl.col("duration_seconds") + 9, ~pl.col("is_international"), pl.col("called_number_hash") + 1
        ),
        "support_tickets": rows["support_tickets"].with_columns(
            ~pl.col("is_escalated"), ~pl.col("is_complaint"), pl.col("ticket_date") - days / 24
        ),
        "app_usage": rows["app_usage"].with_columns(pl.col("sessions") + 1),
    }
    for table, content in other.items():
        installation.deliver(table, APRIL, content)
