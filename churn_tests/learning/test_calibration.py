"""Probabilities that are true, from log-odds that are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.learning.calibration import (
    CalibrationMethod,
    LogisticCalibration,
    calibration_from_json,
    calibration_to_json,
    fit_calibration,
)
from churn_assets.learning.errors import ModelError
from churn_assets.learning.inputs import Flags, Floats
from churn_assets.learning.logistic import fit_line, logit_of, probability_of

METHODS: tuple[CalibrationMethod, ...] = ("bent", "platt", "isotonic")


def overconfident_trees(seed: int, customers: int = 40_000) -> tuple[Floats, Flags, Floats]:
    """Return margins that are twice as sure as they should be, what happened, and the true probabilities."""
    draws = np.random.default_rng(seed)
    logit = draws.normal(-4.0, 1.5, customers)
    truth = probability_of(logit)
    return 2.0 * logit + 1.0, draws.random(customers) < truth, truth


def flat_at_the_top(seed: int, customers: int = 40_000) -> tuple[Floats, Flags, Floats]:
    """Return margins of a leaving state: above a margin of 0 everybody's probability is .67."""
    draws = np.random.default_rng(seed)
    margins = np.where(
        draws.random(customers) < 0.04, draws.normal(2.0, 1.0, customers), draws.normal(-5.0, 0.7, customers)
    )
    truth = np.where(margins > 0.0, 0.67, 0.006)
    return margins, draws.random(customers) < truth, truth


def test_platt_recovers_the_line_that_the_trees_distorted() -> None:
    margins, churned, _ = overconfident_trees(1)

    found = fit_calibration(margins, churned, "platt")

    assert isinstance(found, LogisticCalibration)
    assert found.slopes[0] == pytest.approx(0.5, abs=0.03)
    assert found.intercept == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_true_on_another_month(method: CalibrationMethod) -> None:
    margins, churned, _ = overconfident_trees(1)
    later_margins, later_churned, truth = overconfident_trees(2)

    probability = fit_calibration(margins, churned, method).apply(later_margins)

    assert probability.mean() == pytest.approx(later_churned.mean(), rel=0.05)
    assert np.abs(probability - truth).mean() < 0.005


def test_bends_meet_a_truth_that_is_flat_at_its_top() -> None:
    margins, churned, _ = flat_at_the_top(1)
    later, _, truth = flat_at_the_top(2)
    above = later > 0.0

    straight = fit_calibration(margins, churned, "platt").apply(later)
    bent = fit_calibration(margins, churned, "bent").apply(later)

    assert np.abs(bent - truth)[above].mean() < 0.6 * np.abs(straight - truth)[above].mean()
    assert bent[above].mean() == pytest.approx(0.67, abs=0.03)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(METHODS), st.integers(300, 3_000))
def test_order_of_customers_is_kept(seed: int, method: CalibrationMethod, customers: int) -> None:
    margins, churned, _ = flat_at_the_top(seed, customers)
    found = fit_calibration(margins, churned | (np.arange(customers) == 0), method)

    probability = found.apply(np.sort(margins))

    assert (np.diff(probability) >= 0.0).all()
    assert probability.min() > 0.0
    assert probability.max() < 1.0


def test_trees_that_rank_upside_down_are_not_turned_round() -> None:
    margins, churned, _ = overconfident_trees(1)

    probability = fit_calibration(-margins, churned).apply(-margins)

    assert np.ptp(probability) == 0.0
    assert probability[0] == pytest.approx(churned.mean())


def test_separated_classes_still_give_finite_probabilities() -> None:
    margins = np.r_[np.full(50, -3.0), np.full(5, 3.0)]
    churned = margins > 0.0

    probability = fit_calibration(margins, churned).apply(margins)

    assert np.isfinite(probability).all()
    assert probability[-1] > 0.5 > probability[0]


@pytest.mark.parametrize("churned", [np.zeros(5, dtype=bool), np.ones(5, dtype=bool)])
def test_one_class_cannot_calibrate(churned: Flags) -> None:
    with pytest.raises(ValueError, match="calibration needs both classes"):
        fit_calibration(np.arange(5.0), churned)


@pytest.mark.parametrize("method", METHODS)
def test_document_gives_back_the_same_calibration(method: CalibrationMethod) -> None:
    margins, churned, _ = flat_at_the_top(3, 3_000)
    found = fit_calibration(margins, churned, method)

    assert calibration_from_json(calibration_to_json(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"method": "tree"}',
        '{"method": "logistic", "intercept": 0, "slopes": [-1], "knots": []}',
        '{"method": "logistic", "intercept": 0, "slopes": [1], "knots": [1]}',
        '{"method": "logistic", "intercept": NaN, "slopes": [1], "knots": []}',
        '{"method": "isotonic", "margins": [0, 1], "probabilities": [0.5, 0.4]}',
        '{"method": "isotonic", "margins": [0, 1], "probabilities": [0.5, 1.5]}',
        '{"method": "isotonic", "margins": [], "probabilities": []}',
    ],
)
def test_document_that_is_no_rising_curve_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="no calibration"):
        calibration_from_json(text)


def test_line_has_the_slope_and_error_of_the_likelihood() -> None:
    draws = np.random.default_rng(5)
    score = draws.normal(0.0, 1.0, 20_000)
    target = (draws.random(20_000) < probability_of(1.5 * score - 2.0)).astype(np.float64)

    line = fit_line(score, target)

    assert line.slope == pytest.approx(1.5, abs=4 * line.slope_error)
    assert 0.01 < line.slope_error < 0.05


def test_logit_and_probability_undo_each_other() -> None:
    probability = np.array([1e-6, 0.02, 0.5, 0.98, 1 - 1e-6])

    assert probability_of(logit_of(probability)) == pytest.approx(probability, rel=1e-9)
