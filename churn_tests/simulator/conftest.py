"""Operators that several tests look at, each played once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from churn_assets.domain.months import Month
from churn_assets.simulator.drift import conditions
from churn_assets.simulator.incidents import Incident
from churn_assets.simulator.operator import simulate
from churn_assets.simulator.population import Population
from churn_assets.simulator.worlds import world_named

UNTIL = Month(2021, 12)
Settled = Callable[..., Population]


@pytest.fixture(scope="session")
def clean_operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of a small operator in world A, without any incident."""
    out = tmp_path_factory.mktemp("clean")
    simulate(out, customers=1_500, months=24, until=UNTIL, world="A", seed=3)
    return out


@pytest.fixture(scope="session")
def settle() -> Iterator[Settled]:
    """Make the population of a world at the epoch: the latent part only, no events."""
    with ThreadPoolExecutor(2) as pool:

        def made(
            world: str, customers: int, seed: int = 5, incidents: tuple[Incident, ...] = ()
        ) -> Population:
            preset = world_named(world)
            return Population(
                preset, seed, customers, cache(lambda month: conditions(preset, month, incidents)), pool
            )

        yield made
