"""A tiny operator and an installation that has lived its first months, made once a session for all workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_assets.adapters.home import Home
from churn_assets.simulator.operator import simulate
from churn_tests.conftest import made_once, of_files
from churn_tests.end_to_end.installation import APRIL, MARCH, Installation, copied, linked

CUSTOMERS = 1_000
MONTHS = 4


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
        _new(folder, tiny_deliveries).live(MARCH)

    return Installation(Home(made_once(tmp_path_factory, "to_march", make) / "home"), tiny_deliveries)


@pytest.fixture(scope="session")
def to_april(tmp_path_factory: pytest.TempPathFactory, to_march: Installation) -> Installation:
    """An installation that has taken in all four months, none of them ever spoilt; never changed."""

    def make(folder: Path) -> None:
        copied(to_march, folder).live(APRIL)

    folder = made_once(tmp_path_factory, "to_april", make)
    return Installation(Home(folder / "home"), folder / "deliveries")


@pytest.fixture
def before_april(to_march: Installation, tmp_path: Path) -> Installation:
    """An installation of the test's own, with April delivered and not yet taken in."""
    return copied(to_march, tmp_path / "before_april")


@pytest.fixture
def after_april(to_april: Installation, tmp_path: Path) -> Installation:
    """An installation of the test's own that has taken in all four months."""
    return copied(to_april, tmp_path / "after_april")


@pytest.fixture
def new_installation(tiny_deliveries: Path, tmp_path: Path) -> Installation:
    """An installation of the test's own that has taken nothing in."""
    folder = tmp_path / "new"
    return _new(folder, linked(tiny_deliveries, folder / "deliveries"))


def _new(folder: Path, deliveries: Path) -> Installation:
    home = Home(folder / "home")
    home.prepare()
    return Installation(of_files(home, deliveries), deliveries)
