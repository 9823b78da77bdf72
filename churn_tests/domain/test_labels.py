"""Labels: who of the active left in the next month, and who vanished without a word."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from churn_assets.domain.labels import active_at_snapshot, labels
from churn_tests.domain.features.deliveries import customer, frame


def test_active_are_those_without_a_day_of_leaving() -> None:
    march = frame("customers", [customer(3), customer(1), customer(2, churned_on=date(2024, 3, 9))])
    assert active_at_snapshot(march)["customer_id"].to_list() == [1, 3]
    assert active_at_snapshot(march.lazy())["customer_id"].to_list() == [1, 3]


@pytest.mark.parametrize("kind", ["frame", "series"])
def test_each_active_customer_is_judged_by_the_next_delivery(kind: str) -> None:
    active = pl.DataFrame({"customer_id": [1, 2, 3, 4]})
    april = frame(
        "customers",
        [
            customer(3, churned_on=date(2024, 3, 30)),  # booked late: churn of the month that delivers it
            customer(2, churned_on=date(2024, 4, 30)),
            customer(1),  # stayed, or left and came back
            customer(9, churned_on=date(2024, 4, 2)),  # joined after the snapshot
        ],
    )
    known = labels(active if kind == "frame" else active["customer_id"], april)

    assert known.labels.rows() == [(1, 0), (2, 1), (3, 1)]
    assert known.labels.schema == {"customer_id": pl.Int64, "churned": pl.Int8}
    assert known.vanished == 1


def test_without_a_next_delivery_everyone_has_vanished() -> None:
    known = labels(pl.DataFrame({"customer_id": [1, 2]}), frame("customers", []))
    assert (known.labels.height, known.vanished) == (0, 2)
