"""DeLong by midranks against the quadratic definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.learning.auc import auc_of, compare_auc, midranks
from churn_assets.learning.inputs import Flags, Floats


def quadratic(churned: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Return DeLong's structural components from all pairs: per churner, per stayer."""
    pairs = score[churned][:, None] - score[~churned][None, :]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    return wins.mean(axis=1), wins.mean(axis=0)


def draw(seed: int, customers: int, distinct: int) -> tuple[Flags, Floats, Floats]:
    """Return labels and two scores with ties, related to the labels and to each other."""
    draws = np.random.default_rng(seed)
    churned = draws.random(customers) < 0.3
    churned[:2], churned[2:4] = True, False
    shared = churned + draws.standard_normal(customers)
    one = np.round((shared + draws.standard_normal(customers)) * distinct) / distinct
    other = np.round((shared + draws.standard_normal(customers)) * distinct) / distinct
    return churned, one, other


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(6, 150), st.sampled_from([1, 3, 1000]))
def test_area_and_error_agree_with_all_pairs(seed: int, customers: int, distinct: int) -> None:
    churned, score, _ = draw(seed, customers, distinct)
    churners, stayers = quadratic(churned, score)

    found = auc_of(churned, score)

    assert found.value == pytest.approx(churners.mean(), abs=1e-12)
    variance = churners.var(ddof=1) / len(churners) + stayers.var(ddof=1) / len(stayers)
    assert found.error == pytest.approx(math.sqrt(variance), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(6, 150), st.sampled_from([1, 3, 1000]))
def test_paired_comparison_agrees_with_the_covariance_of_all_pairs(
    seed: int, customers: int, distinct: int
) -> None:
    churned, one, other = draw(seed, customers, distinct)
    (a, b), (c, d) = quadratic(churned, one), quadratic(churned, other)
    covariance = np.cov(a, c) / len(a) + np.cov(b, d) / len(b)
    variance = max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)

    found = compare_auc(churned, one, other)

    assert found.difference == pytest.approx(a.mean() - c.mean(), abs=1e-12)
    assert found.error == pytest.approx(math.sqrt(variance), abs=1e-8)


def test_hand_made_example() -> None:
    churned = np.array([True, True, False, False, False])
    score = np.array([0.9, 0.4, 0.8, 0.4, 0.1])

    assert auc_of(churned, score).value == pytest.approx((1 + 1 + 1 + 0 + 0.5 + 1) / 6)


def test_interval_covers_the_true_area_as_often_as_it_promises() -> None:
    draws = np.random.default_rng(11)
    true_area, covered = 0.760_25, 0  # Phi(1 / sqrt 2)
    for _ in range(400):
        churned = np.arange(600) < 60
        found = auc_of(churned, draws.standard_normal(600) + churned)
        covered += found.low <= true_area <= found.high

    assert 0.92 <= covered / 400 <= 0.98


def test_same_scores_twice_do_not_differ() -> None:
    churned, score, _ = draw(1, 100, 1000)

    found = compare_auc(churned, score, score * 2)

    assert (found.difference, found.error, found.p_value) == (0.0, 0.0, 1.0)


def test_clearly_better_scores_are_significant_and_their_sign_is_the_challengers() -> None:
    churned, score, _ = draw(2, 400, 1000)
    noise = np.random.default_rng(3).standard_normal(400)

    found = compare_auc(churned, score, noise)

    assert found.low > 0.0
    assert found.p_value < 1e-4


@pytest.mark.parametrize(
    "churned", [np.zeros(4, dtype=bool), np.ones(4, dtype=bool), np.empty(0, dtype=bool)]
)
def test_one_class_has_no_area(churned: Flags) -> None:
    score = np.arange(float(len(churned)))

    assert math.isnan(auc_of(churned, score).value)
    assert math.isnan(compare_auc(churned, score, score).difference)


def test_score_that_is_not_finite_has_no_area() -> None:
    assert math.isnan(auc_of(np.array([True, False, False]), np.array([np.nan, 0.1, 0.2])).value)


def test_scores_of_other_customers_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="score the same customers"):
        compare_auc(np.array([True, False]), np.array([1.0, 2.0]), np.array([1.0]))


def test_midranks_share_ties() -> None:
    assert midranks(np.array([5.0, 1.0, 5.0, 5.0])).tolist() == [3.0, 1.0, 3.0, 3.0]
