"""One real service for all tests of this folder: `churn serve` on a small operator with two models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.defs.scoring import SCORES
from churn_tests.benchmarks.serving.running import Service, served
from churn_tests.conftest import made_once
from churn_tests.end_to_end.conftest import six_months, to_may
from churn_tests.end_to_end.installation import JUNE, Installation
from churn_tests.serving.cluster.network import own_network

__all__ = ["six_months", "to_may"]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, to_may: Installation) -> Installation:
    """An installation whose June made a second model and published June's features."""

    def make(folder: Path) -> None:
        to_may.copied(folder).live(JUNE, scored=[JUNE])

    return Installation(made_once(tmp_path_factory, "to_june", make))


@pytest.fixture(scope="session")
def running(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, started once."""
    home = installation.copied(tmp_path_factory.mktemp("served")).home
    with own_network(), served(home) as service:
        yield service


@pytest.fixture
def service(running: Service) -> Service:
    """The service with all its replicas, serving version 2, with version 1 as challenger of 30 % of the customers."""
    running.settled(2, 1)
    done = running.churn(
        "deploy", "--champion", "2", "--challenger", "1", "--challenger-share", "0.3", "--no-shadow"
    )
    assert done.returncode == 0, done.stderr
    return running


@pytest.fixture(scope="session")
def scores(running: Service) -> pl.DataFrame:
    """The batch's scores of June, by the champion."""
    return Lake(str(Home(running.home.root).lake)).read(SCORES, JUNE).sort("customer_id")
