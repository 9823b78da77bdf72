"""The baselines serve the champion's own trees: what they answer is what the platform's model says uncalibrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from churn_assets.domain.economics import Economics
from churn_assets.learning.encoding import encode
from churn_assets.learning.logistic import probability_of
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.split import temporal_split
from churn_assets.learning.training import TrainingSettings, train_challenger
from churn_tests.benchmarks.serving.baseline import application
from churn_tests.benchmarks.serving.trees import contract_of, encoded_values, score_by_frame, score_by_row
from churn_tests.learning.synthetic import FEATURES, MONTHS, labelled_months, month_of_customers


@pytest.fixture(scope="module", params=["xgboost", "lightgbm"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model of each family."""
    training = train_challenger(
        labelled_months(3, customers=2_000),
        temporal_split(MONTHS[:4]),
        FEATURES,
        seed=7,
        threads=1,
        economics=Economics(),
        families=(request.param,),
        settings=TrainingSettings(max_rounds=20),
    )
    folder = tmp_path_factory.mktemp("trees") / "model"
    training.model.save(folder)
    return folder


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    """Customers that no model has seen, some with a value missing."""
    return month_of_customers(99, customers=40)


def expected(folder: Path, customers: pl.DataFrame) -> np.ndarray:
    """Return the trees' own probabilities."""
    model = ChurnModel.load(folder)
    return np.asarray(probability_of(model._trees.margins(encode(customers, model.contract.features))))


def test_both_ways_to_ask_the_trees_say_what_the_platform_says(folder: Path, customers: pl.DataFrame) -> None:
    rows = customers.select(contract_of(folder).feature_names).to_dicts()

    for make_score in (score_by_frame, score_by_row):
        score = make_score(folder)
        assert [score(row) for row in rows] == pytest.approx(expected(folder, customers), abs=1e-6)


def test_the_baseline_takes_a_customer_and_refuses_what_is_none(
    folder: Path, customers: pl.DataFrame
) -> None:
    row = customers.select(contract_of(folder).feature_names).row(0, named=True)
    client = TestClient(application(folder, score_by_row))

    answered = client.post("/predict", json={"customer_id": 7, "features": row})
    refused = client.post("/predict", json={"customer_id": 7, "features": {**row, "region": 3}})

    assert answered.json() == {
        "customer_id": 7,
        "churn_probability": pytest.approx(expected(folder, customers)[0], abs=1e-6),
    }
    assert refused.status_code == 422


def test_a_client_that_encodes_sends_what_the_platform_encodes(folder: Path, customers: pl.DataFrame) -> None:
    contract = contract_of(folder)
    abroad = customers.with_columns(pl.lit("overseas").alias("region"))  # of no vocabulary: missing

    for frame in (customers, abroad):
        rows = [encoded_values(contract, row) for row in frame.to_dicts()]
        np.testing.assert_array_equal(np.array(rows, dtype=np.float32), encode(frame, contract.features))
