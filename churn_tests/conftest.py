"""What tests share: one small simulated operator a session, and homes of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from churn_assets.adapters.home import Home
from churn_assets.adapters.settings import SourceSettings, remember_source
from churn_assets.domain.months import Month
from churn_assets.simulator.operator import simulate

UNTIL = Month(2025, 6)
MONTHS = 6
CUSTOMERS = 8_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests on one worker, and all that ask the one running service on one too."""
    for item in items:
        asks_service = "running" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("service" if asks_service else str(item.path)))


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deliveries of a small operator of world A, January to June 2025; shared by all workers, never changed."""

    def make(folder: Path) -> None:
        simulate(folder, customers=CUSTOMERS, months=MONTHS, until=UNTIL, world="A", seed=7)

    return made_once(tmp_path_factory, "operator", make)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Make a folder once a session for all workers: the others wait, and what a failure left is made anew."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = shared.with_name(f"{name}.done")
    with FileLock(f"{shared}.lock"):
        if not done.exists():
            shutil.rmtree(shared, ignore_errors=True)
            make(shared)
            done.touch()
    return shared


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home of its own, with Dagster's instance in it."""
    return _opened(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An empty home that the tests of a module share."""
    with pytest.MonkeyPatch.context() as patch:
        yield _opened(tmp_path_factory.mktemp("module") / "home", patch)


def _opened(root: Path, patch: pytest.MonkeyPatch) -> Home:
    for variable in [name for name in os.environ if name.startswith("CHURN_")]:
        patch.delenv(variable)
    patch.setenv("CHURN_HOME", str(root))
    patch.setenv("DAGSTER_HOME", str(root / "dagster"))
    home = Home(root)
    home.prepare()
    return home


def of_files(home: Home, folder: Path) -> Home:
    """Let a home read its deliveries from a folder."""
    remember_source(home, SourceSettings(kind="files", path=str(folder)))
    return home
