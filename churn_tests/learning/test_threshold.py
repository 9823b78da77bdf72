"""Where the line is drawn, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from churn_assets.domain.economics import Economics
from churn_assets.learning.inputs import Floats
from churn_assets.learning.logistic import probability_of
from churn_assets.learning.threshold import Floors, choose_threshold


def world(separation: float, customers: int = 24_000, seed: int = 3) -> Floats:
    """Return what a calibrated model says of customers whose leaving state shows by so many standard deviations."""
    draws = np.random.default_rng(seed)
    leaving = draws.random(customers) < 0.024
    signal = draws.standard_normal(customers) + np.where(leaving, separation, 0.0)
    posterior = probability_of(separation * signal - separation**2 / 2 + np.log(0.024 / 0.976))
    return posterior * 0.67 + (1.0 - posterior) * 0.0061


def test_line_keeps_room_above_both_floors_where_that_is_possible() -> None:
    found = choose_threshold(world(4.5), Economics())

    assert found.policy == "room_above_floors"
    assert found.expected_recall > 0.68
    assert found.expected_precision > 0.63
    assert found.room > 1.5


def test_promise_comes_true_on_customers_who_leave_by_those_probabilities() -> None:
    found = choose_threshold(world(4.5), Economics())
    later = world(4.5, seed=4)
    churned = np.random.default_rng(5).random(len(later)) < later
    contacted = later >= found.value

    assert churned[contacted].sum() / churned.sum() == pytest.approx(found.expected_recall, abs=0.06)
    assert churned[contacted].mean() == pytest.approx(found.expected_precision, abs=0.06)


def test_line_is_the_break_even_probability_where_no_threshold_reaches_the_floors() -> None:
    found = choose_threshold(world(2.5), Economics())

    assert found.policy == "break_even"
    assert found.value == pytest.approx(35 / 72)
    assert found.room < -2.0


def test_harder_recall_floor_lowers_the_line() -> None:
    probabilities = world(5.0)

    usual = choose_threshold(probabilities, Economics())
    harder = choose_threshold(probabilities, Economics(), Floors(recall=0.72, precision=0.60))

    assert harder.value < usual.value
    assert harder.expected_recall > usual.expected_recall


def test_no_customer_lies_on_the_line() -> None:
    probabilities = world(4.5)

    assert not (probabilities == choose_threshold(probabilities, Economics()).value).any()


def test_nobody_is_contacted_where_no_contact_can_pay() -> None:
    found = choose_threshold(world(2.5), Economics(contact_cost_eur=200.0))

    assert found.value == 1.0
    assert found.expected_recall == 0.0


def test_no_customers_no_threshold() -> None:
    with pytest.raises(ValueError, match="no customers"):
        choose_threshold(np.empty(0), Economics())
