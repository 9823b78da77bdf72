"""When a feed is broken: rows, null shares and medians against up to three former months."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.domain.cleaning import CleaningLimits
from churn_assets.domain.feed import FeedProfile, Quartiles, differs_by_factor, feed_faults, profile
from churn_assets.domain.tables import CALL_RECORDS, CUSTOMERS, SUPPORT_TICKETS, TABLES, TRANSACTIONS, Table
from churn_tests.domain.good_rows import good_rows


def of_rows(rows: int) -> FeedProfile:
    return FeedProfile(rows, {}, {})


def of_nulls(share: float) -> FeedProfile:
    return FeedProfile(1000, {"region": share}, {})


def of_quartiles(low: float, mid: float, high: float) -> FeedProfile:
    return FeedProfile(1000, {}, {"amount": (low, mid, high)})


def kinds(current: FeedProfile, *former: FeedProfile, table: Table = TRANSACTIONS) -> list[str]:
    return [fault.kind for fault in feed_faults(table, current, former)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_equal_feed_is_not_broken(table: Table) -> None:
    seen = profile(table, good_rows(table))

    assert feed_faults(table, seen, [seen, seen, seen]) == []


def test_there_is_no_verdict_without_a_former_month() -> None:
    assert kinds(of_rows(1)) == []
    assert kinds(of_rows(0)) == []


@pytest.mark.parametrize(
    ("rows", "former", "broken"),
    [
        (1500, [1000], False),
        (1501, [1000], True),
        (667, [1000], False),
        (666, [1000], True),
        (1501, [10, 1000, 5000], True),
        (1000, [10, 1000, 5000], False),
        (1200, [600, 1000], False),
        (1201, [600, 1000], True),
        (100, [62], True),
        (95, [62], True),
        (93, [62], False),
        (36, [16, 16, 16], True),
        (32, [16, 16, 16], False),
        (5, [16, 16, 16], False),
        (1, [16, 16, 16], False),
        (4, [0], False),
        (5, [0], True),
        (800, [0, 0, 900], True),
    ],
)
def test_rows_must_be_off_by_the_factor_and_by_four_deviations(
    rows: int, former: list[int], *, broken: bool
) -> None:
    assert kinds(of_rows(rows), *map(of_rows, former)) == (["rows"] if broken else [])


@pytest.mark.parametrize(
    ("table", "former", "broken"),
    [
        (TRANSACTIONS, [0, 0, 1], True),
        (SUPPORT_TICKETS, [0, 0], False),
        (CUSTOMERS, [], True),
        (CUSTOMERS, [0], True),
    ],
    ids=str,
)
def test_no_rows_is_a_fault_where_a_former_month_had_some_and_of_customers_always(
    table: Table, former: list[int], *, broken: bool
) -> None:
    assert kinds(of_rows(0), *map(of_rows, former), table=table) == (["no_rows"] if broken else [])


@pytest.mark.parametrize(
    ("share", "former", "broken"),
    [
        (0.9, [0.7], False),
        (0.901, [0.7], True),
        (0.3, [0.5, 0.5, 0.0], False),
        (0.29, [0.5, 0.5, 0.0], True),
        (1.0, [0.0, 1.0], True),
    ],
)
def test_a_null_share_may_differ_by_a_fifth_of_the_rows(
    share: float, former: list[float], *, broken: bool
) -> None:
    assert kinds(of_nulls(share), *map(of_nulls, former)) == (["null_share"] if broken else [])


@pytest.mark.parametrize(
    ("current", "former", "broken"),
    [
        ((15, 20, 25), [(8, 10, 12)], False),
        ((15, 20.1, 25), [(8, 10, 12)], True),
        ((12, 20.1, 25), [(8, 10, 12)], False),
        ((4, 5, 7), [(8, 10, 12)], False),
        ((4, 4.9, 7), [(8, 10, 12)], True),
        ((4, 4.9, 8), [(8, 10, 12)], False),
        ((2990, 2990, 2990), [(1, 1, 1), (29.9, 29.9, 29.9), (30, 30, 30)], True),
        ((1, 2, 3), [(0, 0, 0)], True),
        ((0, 2, 3), [(0, 0, 0)], False),
        ((0, 0, 0), [(0, 0, 0)], False),
        ((0, 0, 0), [(1, 2, 3)], True),
        ((-3, -2, -1), [(1, 2, 3)], True),
    ],
)
def test_a_median_must_be_off_by_the_factor_with_the_middle_halves_apart(
    current: Quartiles, former: list[Quartiles], *, broken: bool
) -> None:
    found = kinds(of_quartiles(*current), *(of_quartiles(*each) for each in former))

    assert found == (["median"] if broken else [])


def test_former_months_without_rows_have_no_shares_or_medians() -> None:
    current = FeedProfile(100, {"region": 1.0}, {"amount": (5.0, 5.0, 5.0)})

    assert kinds(current, of_rows(0)) == ["rows"]


def test_cents_for_euros_are_named_by_the_column() -> None:
    rows = good_rows(TRANSACTIONS)
    cents = rows.with_columns(pl.col("amount") * 100)

    (fault,) = feed_faults(TRANSACTIONS, profile(TRANSACTIONS, cents), [profile(TRANSACTIONS, rows)])

    assert (fault.kind, fault.column, fault.found, fault.expected) == ("median", "amount", 2990.0, 29.9)
    assert "transactions.amount" in fault.sentence
    assert "unit" in fault.sentence


def test_the_limits_are_settings() -> None:
    limits = CleaningLimits(rows_factor=3, null_share_change=0.5, median_factor=4)
    now = FeedProfile(2000, {"region": 0.5}, {"amount": (39.0, 40.0, 41.0)})
    before = FeedProfile(1000, {"region": 0.0}, {"amount": (9.0, 10.0, 11.0)})

    assert len(feed_faults(TRANSACTIONS, now, [before])) == 3
    assert feed_faults(TRANSACTIONS, now, [before], limits) == []


def test_a_profile_counts_rows_as_delivered() -> None:
    rows = good_rows(CALL_RECORDS, 4).with_columns(
        data_usage_mb=pl.Series([1.0, math.nan, math.inf, None]),
        duration_seconds=pl.Series([1, 2, 3, 40], dtype=pl.Int32),
    )

    seen = profile(CALL_RECORDS, pl.concat([rows, rows]))

    assert seen.rows == 8
    assert seen.null_shares["data_usage_mb"] == 0.25
    assert seen.quartiles["data_usage_mb"] == (1.0, 1.0, 1.0)
    assert seen.quartiles["duration_seconds"][1] == 2.5


def test_ids_and_hashes_have_no_median_that_is_followed() -> None:
    assert set(profile(CALL_RECORDS, good_rows(CALL_RECORDS)).quartiles) == {
        "duration_seconds",
        "data_usage_mb",
    }


def test_a_column_without_a_value_has_no_quartiles() -> None:
    rows = good_rows(SUPPORT_TICKETS).with_columns(resolution_hours=pl.lit(None, pl.Float64))

    assert profile(SUPPORT_TICKETS, rows).quartiles == {}


def test_more_former_months_than_three_are_refused() -> None:
    with pytest.raises(ValueError, match="up to 3 former months"):
        feed_faults(TRANSACTIONS, of_rows(1), [of_rows(1)] * 4)


@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.floats(-1e100, 1e100) | st.sampled_from([math.nan, math.inf, None]), max_size=20))
def test_a_profile_comes_back_from_json_and_its_quartiles_are_polars_own(values: list[float | None]) -> None:
    rows = good_rows(TRANSACTIONS, len(values)).with_columns(amount=pl.Series(values, dtype=pl.Float64))
    seen = profile(TRANSACTIONS, rows)
    finite = pl.Series(
        [value for value in values if value is not None and math.isfinite(value)], dtype=pl.Float64
    )

    assert FeedProfile.from_json(seen.to_json()) == seen
    for share, found in zip((0.25, 0.5, 0.75), seen.quartiles.get("amount", ()), strict=False):
        assert found == pytest.approx(finite.quantile(share, interpolation="linear"), rel=1e-12, abs=1e-300)


@given(low=st.floats(1e-3, 1e6), factor=st.floats(1, 10))
def test_a_factor_is_the_same_in_both_directions(low: float, factor: float) -> None:
    assert differs_by_factor(low, low * 20, factor)
    assert differs_by_factor(low * 20, low, factor)
    assert not differs_by_factor(low, low, factor)
