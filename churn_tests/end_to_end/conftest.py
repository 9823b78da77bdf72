"""A tiny operator and an installation that has lived its first months, made once a session for all workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_assets.simulator.operator import simulate
from churn_tests.conftest import made_once
from churn_tests.end_to_end.installation import APRIL, JUNE, MARCH, MAY, Installation

CUSTOMERS = 1_000
MONTHS = 4
LOW_FLOORS = """
[gates]
auc_floor = 0.7
recall_floor = 0.5
precision_floor = 0.4
worse_margin = 0.1
"""
"""With 70 churners a month whether the usual floors are met is a matter of luck, which is not what is tested."""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("CHURN_")]:
        monkeypatch.delenv(variable)


@pytest.fixture(scope="session")
def tiny_deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four correct months, January to April 2025, of 1,000 customers; never changed."""

    def make(folder: Path) -> None:
        simulate(folder, customers=CUSTOMERS, months=MONTHS, until=APRIL, world="A", seed=7)

    return made_once(tmp_path_factory, "tiny", make)


@pytest.fixture(scope="session")
def to_march(tmp_path_factory: pytest.TempPathFactory, tiny_deliveries: Path) -> Installation:
    """An installation that has taken in January to March, with April delivered; never changed, copied by tests."""

    def make(folder: Path) -> None:
        Installation.new(folder, tiny_deliveries).live(MARCH)

    return Installation(made_once(tmp_path_factory, "to_march", make))


@pytest.fixture(scope="session")
def to_april(tmp_path_factory: pytest.TempPathFactory, to_march: Installation) -> Installation:
    """An installation that has taken in all four months, none of them ever spoilt; never changed."""

    def make(folder: Path) -> None:
        to_march.copied(folder).live(APRIL)

    return Installation(made_once(tmp_path_factory, "to_april", make))


@pytest.fixture
def before_april(to_march: Installation, tmp_path: Path) -> Installation:
    """An installation of the test's own, with April delivered and not yet taken in."""
    return to_march.copied(tmp_path / "before_april")


@pytest.fixture
def after_april(to_april: Installation, tmp_path: Path) -> Installation:
    """An installation of the test's own that has taken in all four months."""
    return to_april.copied(tmp_path / "after_april")


@pytest.fixture
def new_installation(tiny_deliveries: Path, tmp_path: Path) -> Installation:
    """An installation of the test's own that has taken nothing in."""
    return Installation.new(tmp_path / "new", tiny_deliveries)


@pytest.fixture(scope="session")
def six_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six correct months, January to June 2025, of 3,000 customers: enough to train in May and in June; never changed."""

    def make(folder: Path) -> None:
        simulate(folder, customers=3_000, months=6, until=JUNE, world="A", seed=7)

    return made_once(tmp_path_factory, "six_months", make)


@pytest.fixture(scope="session")
def to_may(tmp_path_factory: pytest.TempPathFactory, six_months: Path) -> Installation:
    """An installation that has lived until May, whose challenger became champion; June is delivered; never changed."""

    def make(folder: Path) -> None:
        Installation.new(folder, six_months, settings=LOW_FLOORS).live(MAY, scored=[MAY])

    return Installation(made_once(tmp_path_factory, "to_may", make))
