"""Each world has the hazard that its parameters promise, and outcomes are drawn from it and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from churn_assets.simulator.hazard import age_group
from churn_assets.simulator.oracle import Oracle
from churn_assets.simulator.population import Population
from churn_assets.simulator.worlds import world_named
from churn_tests.simulator.conftest import Settled

CUSTOMERS = 200_000
# churn, AUC, recall at precision .60, .65, .68: exact from each world's mixture of two logit-normal laws,
# computed apart from this code with 2,000,000 draws (facts/simulation.md, section 2)
EXPECTED = {
    "A": (0.0231, 0.883, 0.736, 0.735, 0.735),
    "A5": (0.0234, 0.932, 0.743, 0.738, 0.735),
    "D": (0.0237, 0.860, 0.452, 0.442, 0.435),
    "B3": (0.0242, 0.830, 0.249, 0.222, 0.199),
    "C2": (0.0275, 0.844, 0.026, 0.016, 0.012),
}


def _truth(population: Population) -> tuple[np.ndarray, np.ndarray]:
    casts = [population.cast(chunk) for chunk in population.chunks]
    return np.concatenate([cast.probability for cast in casts]), np.concatenate(
        [cast.leaves for cast in casts]
    )


@pytest.mark.parametrize("world", EXPECTED)
def test_world_has_its_churn_and_its_ceiling_and_outcomes_follow_the_hazard(
    world: str, settle: Settled
) -> None:
    population = settle(world, CUSTOMERS)
    for _ in range(7):
        population.advance()

    probability, leaves = _truth(population)

    oracle = Oracle.of(probability)
    churn, auc, *recalls = EXPECTED[world]
    assert oracle.churn_rate == pytest.approx(churn, rel=0.05)
    assert oracle.auc == pytest.approx(auc, abs=0.005)
    found = [oracle.recall_at_precision(precision) for precision in (0.60, 0.65, 0.68)]
    assert found == pytest.approx(recalls, abs=0.02)
    for decile in np.array_split(np.argsort(probability), 10):
        expected, drawn = probability[decile].sum(dtype=float), leaves[decile].sum()
        error = np.sqrt((probability[decile].astype(float) * (1 - probability[decile])).sum())
        assert abs(drawn - expected) < 4 * error


def test_two_seeds_give_other_customers_and_the_same_metrics(settle: Settled) -> None:
    one, other = settle("D", 60_000, seed=1), settle("D", 60_000, seed=2)

    first, second = _truth(one)[0], _truth(other)[0]

    assert not np.array_equal(first, second)
    assert Oracle.of(first).auc == pytest.approx(Oracle.of(second).auc, abs=0.01)


def test_neutral_world_has_no_difference_between_age_groups(settle: Settled) -> None:
    def gap(world: str) -> float:
        population = settle(world, 60_000)
        cast = population.cast(0)
        staying = cast.people.state[: cast.active] == 0
        age = age_group(cast.people.key[: cast.active])
        logit = np.log(cast.probability / (1 - cast.probability))
        return float(logit[staying & (age == 0)].mean() - logit[staying & (age == 4)].mean())

    assert gap("C2") > 0.2
    assert abs(gap("C2-neutral")) < 0.1


def test_unknown_world_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'Z' is not a world: choose one of A, A5, D, B3, C2"):
        world_named("Z")
