"""A customer's score depends on the customer's own row, bit for bit."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.learning.bands import confidence_of, risk_band_of
from churn_assets.learning.errors import ModelError
from churn_assets.learning.model import ChurnModel


def test_one_row_alone_scores_as_in_the_batch(model: ChurnModel, customers: pl.DataFrame) -> None:
    batch = model.probabilities(customers)

    alone = [model.probabilities(customers[row])[0] for row in range(100)]

    assert alone == batch[:100].tolist()


@pytest.mark.parametrize("chunk_rows", [7, 499, 500, 10_000])
def test_chunks_change_no_bit(model: ChurnModel, customers: pl.DataFrame, chunk_rows: int) -> None:
    in_chunks = model.probabilities(customers, chunk_rows=chunk_rows)

    assert (in_chunks == model.probabilities(customers)).all()


def test_threads_change_no_bit(model: ChurnModel, customers: pl.DataFrame, tmp_path: Path) -> None:
    model.save(tmp_path / "model")

    one, four = (ChurnModel.load(tmp_path / "model", threads=threads) for threads in (1, 4))

    assert (one.probabilities(customers) == four.probabilities(customers)).all()


def test_rows_keep_their_order_and_columns_may_stand_in_any(
    model: ChurnModel, customers: pl.DataFrame
) -> None:
    turned = customers.reverse().select(reversed(customers.columns)).with_columns(extra=pl.lit("ignored"))

    scored = model.score(turned)

    assert scored["customer_id"].to_list() == customers["customer_id"].reverse().to_list()
    assert (scored["churn_probability"].to_numpy()[::-1] == model.probabilities(customers)).all()


def test_unknown_category_scores_as_a_missing_one(model: ChurnModel, customers: pl.DataFrame) -> None:
    unknown = customers.with_columns(contract_type=pl.lit("weekly"))
    missing = customers.with_columns(contract_type=pl.lit(None, dtype=pl.String))

    assert (model.probabilities(unknown) == model.probabilities(missing)).all()
    assert np.isfinite(model.probabilities(unknown)).all()


def test_customer_of_whom_nothing_is_known_has_a_score(model: ChurnModel, customers: pl.DataFrame) -> None:
    unknown = customers.select("customer_id", pl.exclude("customer_id").replace_strict({}, default=None))

    assert (model.probabilities(unknown) == model.probabilities(unknown)[0]).all()
    assert 0.0 < model.probabilities(unknown)[0] < 1.0


def test_missing_column_is_named(model: ChurnModel, customers: pl.DataFrame) -> None:
    with pytest.raises(ModelError, match="lacks the features unresolved_tickets, bill_shock:"):
        model.probabilities(customers.drop("bill_shock", "unresolved_tickets"))


def test_frame_without_ids_has_probabilities_and_no_scores(
    model: ChurnModel, customers: pl.DataFrame
) -> None:
    nameless = customers.drop("customer_id")

    assert len(model.probabilities(nameless)) == customers.height
    with pytest.raises(ModelError, match="lacks customer_id"):
        model.score(nameless)


def test_no_customers_no_scores_and_another_layout_is_still_an_error(
    model: ChurnModel, customers: pl.DataFrame
) -> None:
    assert model.score(customers.clear()).height == 0
    with pytest.raises(ModelError, match="lacks the feature bill_shock"):
        model.score(customers.clear().drop("bill_shock"))


def test_score_has_its_prediction_band_and_confidence(model: ChurnModel, customers: pl.DataFrame) -> None:
    scored = model.score(customers)
    probability, predicted = scored["churn_probability"], scored["churn_prediction"]

    assert scored.columns == [
        "customer_id",
        "churn_probability",
        "churn_prediction",
        "risk_band",
        "confidence",
    ]
    assert probability.is_between(0.0, 1.0).all()
    assert (predicted == (probability >= model.threshold)).all()
    assert set(scored.filter(predicted)["risk_band"]) <= {"high", "critical"}
    assert set(scored.filter(~predicted)["risk_band"]) <= {"low", "medium"}
    assert 0 < predicted.sum() < 50


def test_bands_and_confidences_by_hand() -> None:
    probability = pl.DataFrame({"p": [0.0, 0.01, 0.03, 0.35, 0.4, 0.65, 0.69, 0.7, 1.0]})

    found = probability.select(
        risk_band_of(pl.col("p"), threshold=0.4, base_rate=0.023).alias("band"),
        confidence_of(pl.col("p"), threshold=0.4).alias("confidence"),
    )

    assert found["band"].to_list() == ["low"] * 2 + ["medium"] * 2 + ["high"] * 3 + ["critical"] * 2
    assert found["confidence"].to_list() == ["high"] * 3 + ["low"] * 2 + ["medium"] + ["high"] * 3


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1), st.floats(0, 1))
def test_band_never_falls_as_the_probability_rises(threshold: float, base_rate: float) -> None:
    rising = pl.DataFrame({"p": np.linspace(0, 1, 51)})

    bands = rising.select(risk_band_of(pl.col("p"), threshold, base_rate)).to_series()

    ranks = bands.replace_strict({"low": 0, "medium": 1, "high": 2, "critical": 3})
    assert ranks.is_sorted()


def test_contributions_sum_to_the_log_odds(model: ChurnModel, customers: pl.DataFrame) -> None:
    contributions = model.contributions(customers[:50], chunk_rows=20)

    assert contributions.shape == (50, len(model.contract.features) + 1)
    margins = contributions.sum(axis=1)
    assert model._calibration.apply(margins) == pytest.approx(model.probabilities(customers[:50]), abs=1e-5)


def test_importance_shares_the_gain_and_finds_what_the_world_runs_on(model: ChurnModel) -> None:
    importance = model.importance()

    assert math.fsum(importance.values()) == pytest.approx(1.0)
    assert list(importance.values()) == sorted(importance.values(), reverse=True)
    assert set(importance) == set(model.contract.feature_names)
    assert importance["days_since_last_call"] > importance["weekend_calls_ratio"]
