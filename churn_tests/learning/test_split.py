"""Which month serves which purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.learning.split import temporal_split

YEAR = [f"2025-{number:02d}" for number in range(1, 13)]


def test_newest_month_judges_and_the_ones_before_calibrate_stop_and_train() -> None:
    split = temporal_split(YEAR[:6])

    assert split.hold_out == "2025-06"
    assert split.calibration == "2025-05"
    assert split.early_stopping == "2025-04"
    assert split.train == ("2025-01", "2025-02", "2025-03")
    assert split.hold_out not in split.learning_months


def test_window_leaves_the_oldest_months_out() -> None:
    assert temporal_split(YEAR, window=5).train == ("2025-08", "2025-09")


@given(st.sets(st.sampled_from(YEAR), min_size=4), st.integers(4, 14))
def test_every_purpose_is_later_than_the_one_before(months: set[str], window: int) -> None:
    split = temporal_split(sorted(months), window)

    ordered = [*split.train, split.early_stopping, split.calibration, split.hold_out]
    assert ordered == sorted(months)[-window:]


def test_three_months_are_too_few_and_the_error_says_how_many_are_missing() -> None:
    with pytest.raises(ValueError, match=r"needs 4 labelled months .* 3 are there .* 1 more must close"):
        temporal_split(YEAR[:3])


def test_months_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="oldest first"):
        temporal_split(["2025-02", "2025-01", "2025-03", "2025-04"])
