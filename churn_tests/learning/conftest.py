"""One trained challenger that the tests of scoring, files and behaviour share."""

from __future__ import annotations

import polars as pl
import pytest

from churn_assets.domain.economics import Economics
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.split import temporal_split
from churn_assets.learning.training import Training, train_challenger
from churn_tests.learning.synthetic import FEATURES, MONTHS, labelled_months, month_of_customers


@pytest.fixture(scope="session")
def challengers() -> dict[str, ChurnModel]:
    """One challenger of each family, trained on the same four months."""
    return {name: _trained(name).model for name in ("xgboost", "lightgbm")}


@pytest.fixture(params=["xgboost", "lightgbm"])
def model(request: pytest.FixtureRequest, challengers: dict[str, ChurnModel]) -> ChurnModel:
    """Each family's challenger in turn."""
    return challengers[request.param]


@pytest.fixture(scope="session")
def customers() -> pl.DataFrame:
    """A month that no challenger has seen."""
    return month_of_customers(99, customers=500)


def _trained(family: str) -> Training:
    split = temporal_split(MONTHS[:4])
    months = labelled_months(3)
    return train_challenger(
        months, split, FEATURES, seed=7, threads=1, economics=Economics(), families=(family,)
    )
