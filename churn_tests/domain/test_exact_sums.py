"""Sums by customer: right for any floats of 0 and more, and the same to the bit in whatever order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.domain.exact_sums import EVERYDAY_LIMIT, exact_sum, rounded, sum_by_customer

any_values = st.lists(st.floats(0, 1e307) | st.floats(0, 1e-300) | st.floats(0, 1e6), min_size=1, max_size=9)


def summed(values: list[float]) -> float:
    rows = pl.LazyFrame({"customer_id": [1] * len(values), "x": values}, schema_overrides={"x": pl.Float64})
    return float(sum_by_customer(rows, "x").collect()["x"].item())


def summed_in_one_pass(values: list[float]) -> float:
    rows = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    return float(rows.select(exact_sum(pl.col("x"))).select(rounded(pl.col("x"))).item())


@settings(deadline=None, max_examples=100)
@given(any_values)
def test_sum_by_customer_agrees_with_the_exact_sum_of_any_floats(values: list[float]) -> None:
    assert math.isclose(summed(values), math.fsum(values), rel_tol=1e-15)


@pytest.mark.parametrize("sum_of", [summed, summed_in_one_pass])
def test_sums_of_cents_are_correctly_rounded(sum_of: Callable[[list[float]], float]) -> None:
    cents = (np.random.default_rng(1).integers(1, 10_000_000, 1000) / 100).tolist()
    assert sum_of(cents) == math.fsum(cents)


@settings(deadline=None, max_examples=50)
@given(any_values, st.randoms(use_true_random=False))
def test_no_order_of_the_rows_changes_a_bit(values: list[float], shuffler: random.Random) -> None:
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    everyday = [value for value in values if value < EVERYDAY_LIMIT]
    shuffled_everyday = [value for value in shuffled if value < EVERYDAY_LIMIT]

    assert summed(shuffled) == summed(values)
    assert summed_in_one_pass(shuffled_everyday) == summed_in_one_pass(everyday)


def test_customers_are_summed_apart_however_different_their_sizes() -> None:
    rows = pl.LazyFrame({"customer_id": [1, 2, 1, 3], "x": [5e-324, 1e308, 5e-324, 0.0]})
    sums = sum_by_customer(rows, "x").collect().sort("customer_id")
    assert sums.rows() == [(1, 1e-323), (2, 1e308), (3, 0.0)]


def test_values_beyond_everyday_size_are_left_to_the_two_passes() -> None:
    assert summed_in_one_pass([1.5, EVERYDAY_LIMIT]) == 1.5
