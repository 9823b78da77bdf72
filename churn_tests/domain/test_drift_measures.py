"""The measures of drift against closed forms, SciPy and chance itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, wasserstein_distance

from churn_assets.domain.drift_measures import (
    population_stability,
    share_change_beyond_chance,
    sketch,
    stability_beyond_chance,
    wasserstein,
    wasserstein_beyond_chance,
)

COUNTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=12)


@settings(deadline=None, max_examples=60)
@given(reference=COUNTS, data=st.data())
def test_the_stability_index_is_never_negative_and_zero_on_itself(
    reference: list[int], data: st.DataObject
) -> None:
    current = data.draw(st.lists(st.integers(0, 10_000), min_size=len(reference), max_size=len(reference)))
    here, there = np.array(reference), np.array(current)

    assert population_stability(here, there) >= 0
    assert population_stability(here, here) == 0
    assert stability_beyond_chance(here, there) >= 0


@pytest.mark.parametrize(("shift", "index"), [(0.1, 0.009), (0.3, 0.086), (0.5, 0.237)])
def test_the_stability_index_of_a_moved_normal_distribution_is_the_known_one(
    shift: float, index: float
) -> None:
    deciles = norm.ppf(np.arange(1, 10) / 10)
    shares = np.diff(norm.cdf(deciles, loc=shift), prepend=0, append=1)

    found = population_stability(np.full(10, 100_000), np.round(shares * 1_000_000).astype(np.int64))

    assert found == pytest.approx(index, abs=0.001)


def test_the_stability_index_by_hand() -> None:
    half_a_row = 1_000_000  # too little beside a million rows to matter

    found = population_stability(np.array([5, 5]) * half_a_row, np.array([6, 4]) * half_a_row)

    assert found == pytest.approx(0.1 * np.log(0.6 / 0.5) - 0.1 * np.log(0.4 / 0.5), abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400),
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(0.1, 10),
)
def test_the_distance_of_a_moved_distribution_is_the_shift(
    values: list[float], shift: float, scale: float
) -> None:
    here = np.sort(np.array(values)) * scale

    found = wasserstein(sketch(here), sketch(here + shift))

    assert found == pytest.approx(abs(shift), abs=1e-6)


def test_the_distance_is_that_of_scipy_on_skewed_values() -> None:
    random = np.random.default_rng(7)
    here, there = np.sort(random.lognormal(0, 1, 20_000)), np.sort(random.lognormal(0.1, 1.2, 15_000))

    found = wasserstein(sketch(here), sketch(there))

    assert found == pytest.approx(wasserstein_distance(here, there), rel=0.01)


def test_the_sketch_keeps_the_mean_of_values_fewer_than_its_groups() -> None:
    values = np.array([1.0, 2.0, 6.0])

    assert sketch(values).mean() == pytest.approx(3.0)


def test_without_drift_chance_is_taken_for_drift_once_in_hundreds_of_small_samples() -> None:
    random = np.random.default_rng(7)
    reference = np.sort(random.normal(size=5_000))
    deciles = reference[500::500]
    shares = np.full(10, 500)
    kept = sketch(reference)
    alarms = {"psi": 0, "w1": 0, "share": 0}

    for _ in range(600):
        values = np.sort(random.normal(size=120))
        counts = np.diff(np.searchsorted(values, deciles), prepend=0, append=values.size)
        alarms["psi"] += stability_beyond_chance(shares, counts) > 0
        alarms["w1"] += wasserstein_beyond_chance(kept, sketch(values), 5_000, 120) > 0
        alarms["share"] += share_change_beyond_chance(500, 5_000, int(random.binomial(120, 0.1)), 120) != 0

    assert max(alarms.values()) <= 6


def test_what_chance_adds_to_real_drift_is_taken_off() -> None:
    random = np.random.default_rng(7)
    reference = np.sort(random.normal(size=20_000))
    samples = [np.sort(random.normal(0.5, size=500)) for _ in range(40)]

    found = [wasserstein_beyond_chance(sketch(reference), sketch(values), 20_000, 500) for values in samples]

    assert np.mean(found) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("reference", "current", "change"),
    [((0, 1000), (300, 1000), 0.3), ((500, 1000), (0, 10), 0.0), ((0, 9), (9, 9), 1)],
)
def test_a_share_changed_or_a_few_rows_were_chance(
    reference: tuple[int, int], current: tuple[int, int], change: float
) -> None:
    assert share_change_beyond_chance(*reference, *current) == pytest.approx(change)


def test_an_empty_side_has_not_moved() -> None:
    assert stability_beyond_chance(np.array([0, 0]), np.array([3, 4])) == 0
    assert share_change_beyond_chance(0, 0, 1, 2) == 0
    with pytest.raises(ValueError, match="no sketch"):
        sketch(np.array([]))
