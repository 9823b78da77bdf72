"""Who vanishes: active before, and neither accepted now nor said to have left."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from churn_assets.domain.cleaning import CleaningLimits, vanished
from churn_assets.domain.tables import CUSTOMERS
from churn_tests.domain.good_rows import good_rows, with_value

NOBODY = pl.Series("customer_id", [], dtype=pl.Int64)


def test_no_row_and_a_row_in_quarantine_both_count_as_vanished() -> None:
    accepted = good_rows(CUSTOMERS).filter(pl.col("customer_id") != 2)

    gone = vanished(accepted, pl.Series([2, 2, 50]), pl.Series([1, 2, 3, 40, 41]))

    assert gone.ids.to_list() == [2, 40, 41]
    assert (gone.count, gone.without_row, gone.in_quarantine, gone.active) == (3, 2, 1, 5)
    assert gone.share == 3 / 5


def test_who_left_with_a_date_has_not_vanished() -> None:
    accepted = with_value(good_rows(CUSTOMERS), 0, churned_on=date(2024, 5, 7))

    assert vanished(accepted, NOBODY, accepted.select("customer_id")).count == 0


def test_nobody_vanishes_in_the_first_month() -> None:
    gone = vanished(good_rows(CUSTOMERS), NOBODY, None)

    assert (gone.count, gone.active, gone.share) == (0, 0, 0)


@pytest.mark.parametrize(("missing", "over"), [(1, False), (2, True)])
def test_the_limit_itself_is_not_over_it(missing: int, *, over: bool) -> None:
    before = pl.Series(range(1, 101))

    share = vanished(good_rows(CUSTOMERS, 100 - missing), NOBODY, before).share

    assert (share > CleaningLimits().vanished_share) is over
