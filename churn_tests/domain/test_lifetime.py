"""The lifetime state: folding months one by one says what one look at the whole history would say."""

from __future__ import annotations

import math
import random
import statistics
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from churn_assets.domain.lifetime import LIFETIME_SCHEMA, fold, lifetime_partial, refold
from churn_assets.domain.months import Month
from churn_tests.domain.features.deliveries import frame, moment, payment
from churn_tests.domain.features.reference import Row

FIRST = Month.parse("2023-12")
MONTHS = list(FIRST.until(Month.parse("2024-05")))

histories = st.lists(
    st.builds(
        lambda days, amount, who: payment(FIRST.start + timedelta(days=days, microseconds=days), amount, who),
        st.floats(0, 181).map(int),
        st.sampled_from([0.0, 0.1, 9.99, 1e6]) | st.floats(0, 1e6),
        st.integers(1, 3),
    ),
    max_size=25,
)


def partials_of(rows: list[Row]) -> list[pl.DataFrame]:
    return [lifetime_partial(frame("transactions", rows), month) for month in MONTHS]


def amounts_of(rows: list[Row], customer_id: int) -> list[float]:
    return [row["amount"] for row in rows if row["customer_id"] == customer_id]


@settings(deadline=None, max_examples=60)
@given(histories)
def test_folded_months_agree_with_the_whole_history(rows: list[Row]) -> None:
    state = refold(partials_of(rows))

    assert state["customer_id"].to_list() == sorted({row["customer_id"] for row in rows})
    for one in state.iter_rows(named=True):
        amounts = amounts_of(rows, one["customer_id"])
        dates = [row["transaction_date"] for row in rows if row["customer_id"] == one["customer_id"]]
        assert (one["n"], one["first"], one["last"]) == (len(amounts), min(dates), max(dates))
        assert math.isclose(one["sum"], math.fsum(amounts), rel_tol=1e-14)
        assert math.isclose(one["mean"], statistics.fmean(amounts), rel_tol=1e-14)
        deviation = math.sqrt(one["m2"] / len(amounts))
        tolerance = 1e-12 * max(1.0, one["mean"])
        assert math.isclose(deviation, statistics.pstdev(amounts), rel_tol=1e-9, abs_tol=tolerance)


def test_a_million_added_to_every_amount_changes_no_deviation() -> None:
    draw = np.random.default_rng(7)
    amounts = draw.integers(0, 10_000, 400) / 4  # quarters: exact beside a million
    moments = [FIRST.start + timedelta(days=int(day)) for day in draw.integers(0, 181, 400)]

    def state(offset: float) -> pl.DataFrame:
        shifted = [float(amount) + offset for amount in amounts]
        return refold(partials_of(list(map(payment, moments, shifted))))

    small, great = state(0.0), state(1e6)
    assert great["m2"].item() == pytest.approx(small["m2"].item(), rel=1e-11)
    assert great["sum"].item() == pytest.approx(small["sum"].item() + 400e6, rel=1e-15)


@settings(deadline=None, max_examples=30)
@given(histories)
def test_a_customer_s_state_does_not_depend_on_who_else_pays(rows: list[Row]) -> None:
    together = refold(partials_of(rows))
    for who in together["customer_id"]:
        alone = refold(partials_of([row for row in rows if row["customer_id"] == who]))
        assert_frame_equal(alone, together.filter(pl.col("customer_id") == who), check_exact=True)


@settings(deadline=None, max_examples=30)
@given(histories, st.integers(0, len(MONTHS)))
def test_refolding_is_bit_for_bit_folding_one_by_one(rows: list[Row], stop: int) -> None:
    partials = partials_of(rows)
    state = refold(partials[:stop])
    for partial in partials[stop:]:
        state = fold(state, partial)
    assert_frame_equal(state, refold(partials), check_exact=True)


@settings(deadline=None, max_examples=30)
@given(histories, st.randoms(use_true_random=False))
def test_no_order_of_the_rows_changes_a_bit_of_a_partial(rows: list[Row], shuffler: random.Random) -> None:
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    for one, other in zip(partials_of(rows), partials_of(shuffled), strict=True):
        assert_frame_equal(one, other, check_exact=True)


def test_equal_amounts_deviate_by_exactly_nothing() -> None:
    assert 3 * 0.05 / 3 != 0.05
    state = refold(partials_of([payment(month.start, 0.05) for month in MONTHS for _ in range(3)]))
    assert (state["m2"].item(), state["mean"].item()) == (0.0, 0.05)


@pytest.mark.parametrize("amounts", [[-0.0, 0.0], [0.0, -0.0], [-0.0]])
def test_zeros_of_either_sign_are_one_zero(amounts: list[float]) -> None:
    state = refold(partials_of([payment(FIRST.start, amount) for amount in amounts]))
    assert [math.copysign(1.0, state[name].item()) for name in ("sum", "mean", "m2")] == [1.0, 1.0, 1.0]


def test_a_corrected_month_is_refolded_from_the_partials_that_were_kept() -> None:
    rows = [payment(month.start, 10.0) for month in MONTHS]
    kept = partials_of(rows)
    rows[2]["amount"] = 40.0
    kept[2] = lifetime_partial(frame("transactions", rows), MONTHS[2])
    assert_frame_equal(refold(kept), refold(partials_of(rows)), check_exact=True)
    assert refold(kept)["sum"].item() == 90.0


def test_only_what_was_paid_within_the_month_counts() -> None:
    month = Month.parse("2024-02")
    rows = [
        payment(moment("2024-02-01"), 1.0),
        payment(moment("2024-02-29 23:59:59.999999"), 2.0),
        payment(moment("2024-03-01"), 4.0),
        payment(moment("2024-01-31 23:59:59.999999"), 8.0),
        payment(moment("2024-02-02"), 16.0, status="failed"),
        payment(moment("2024-02-02"), 32.0, status="refunded"),
    ]
    partial = lifetime_partial(frame("transactions", rows).lazy(), month)
    assert partial.select("n", "sum").rows() == [(2, 3.0)]


def test_a_month_without_payments_changes_nothing() -> None:
    empty = lifetime_partial(frame("transactions", []), FIRST)
    state = lifetime_partial(frame("transactions", [payment(FIRST.start, 9.99)]), FIRST)

    assert empty.schema == state.schema == LIFETIME_SCHEMA
    assert_frame_equal(fold(state, empty), state, check_exact=True)
    assert_frame_equal(fold(None, state), state, check_exact=True)
    assert_frame_equal(refold([]), empty)
