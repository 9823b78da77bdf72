"""The scorer of one version: the batch's scores to the bit, the batch's words, the batch's reasons."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.learning.bands import confidence_of, risk_band_of
from churn_assets.learning.encoding import encode
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.reasons import top_reasons
from churn_serving.scorer import Scorer, ScoringError, Speaker
from churn_tests.serving.spoiling import with_nan_scores
from churn_tests.serving.stand import Models, served

thresholds = st.floats(0.0, 1.0)
probabilities = st.floats(0.0, 1.0)


@pytest.fixture(params=["champion", "challenger"])
def model(request: pytest.FixtureRequest, models: Models) -> ChurnModel:
    """Each family's model in turn."""
    found: ChurnModel = getattr(models, request.param)
    return found


@pytest.fixture
def scorer(model: ChurnModel) -> Scorer:
    return Scorer(served(model, "1"), model, model)


def batch_words(
    probability: float, threshold: float, base_rate: float
) -> tuple[bool, Literal["low", "medium", "high"], Literal["low", "medium", "high", "critical"]]:
    """Return what the batch says about a probability."""
    column = pl.col("p")
    row = pl.DataFrame({"p": [probability]}).select(
        (column >= threshold).alias("prediction"),
        confidence_of(column, threshold).alias("confidence"),
        risk_band_of(column, threshold, base_rate).alias("band"),
    )
    prediction, confidence, band = row.row(0)
    return prediction, confidence, band


def spoken(probability: float, threshold: float, base_rate: float) -> tuple[bool, str, str]:
    words = Speaker(threshold, base_rate).words(probability)
    return words.prediction, words.confidence, words.risk_band


def test_scores_are_the_batchs_to_the_bit_one_by_one_and_all_at_once(
    scorer: Scorer, model: ChurnModel, customers: pl.DataFrame
) -> None:
    expected = model.score(customers)["churn_probability"].to_list()
    rows = encode(customers, scorer.features)

    assert scorer.probabilities(rows) == expected
    assert [scorer.probabilities(rows[place : place + 1])[0] for place in range(len(rows))] == expected


def test_words_are_the_batchs(scorer: Scorer, model: ChurnModel, customers: pl.DataFrame) -> None:
    batch = model.score(customers)

    words = [scorer.speaker.words(probability) for probability in batch["churn_probability"]]

    assert [each.prediction for each in words] == batch["churn_prediction"].to_list()
    assert [each.risk_band for each in words] == batch["risk_band"].to_list()
    assert [each.confidence for each in words] == batch["confidence"].to_list()
    assert {each.threshold for each in words} == {model.threshold}


@settings(deadline=None, max_examples=80)
@given(probability=probabilities, threshold=thresholds, base_rate=st.floats(0.0, 1.0))
def test_words_for_any_probability_are_the_batchs(
    probability: float, threshold: float, base_rate: float
) -> None:
    assert spoken(probability, threshold, base_rate) == batch_words(probability, threshold, base_rate)


@settings(deadline=None, max_examples=80)
@given(
    threshold=st.floats(1e-6, 1.0 - 1e-6),
    factor=st.sampled_from([1.0, 1.5, 3.0, 1 / 1.5, 1 / 3.0]),
    data=st.data(),
)
def test_words_on_and_beside_every_edge_are_the_batchs(
    threshold: float, factor: float, data: st.DataObject
) -> None:
    base_rate = data.draw(st.floats(0.0, threshold))
    odds = threshold / (1.0 - threshold) * factor
    edge = data.draw(
        st.sampled_from([0.0, 1.0, base_rate, threshold, (1.0 + threshold) / 2.0, odds / (1.0 + odds)])
    )
    for probability in (edge, math.nextafter(edge, 0.0), math.nextafter(edge, 1.0)):
        assert spoken(probability, threshold, base_rate) == batch_words(probability, threshold, base_rate)


def test_who_is_as_likely_as_the_threshold_is_predicted_to_leave() -> None:
    assert spoken(0.2, 0.2, 0.1) == (True, "low", "high")
    assert spoken(math.nextafter(0.2, 0.0), 0.2, 0.1) == (False, "low", "medium")


def test_another_threshold_changes_the_words_and_is_named(scorer: Scorer, model: ChurnModel) -> None:
    words = scorer.speaker.by(0.9).words(0.5)

    assert (words.prediction, words.threshold) == (False, 0.9)
    assert (words.prediction, words.confidence, words.risk_band) == batch_words(
        0.5, 0.9, model.contract.base_rate
    )
    assert scorer.speaker.by(None) is scorer.speaker


def test_reasons_are_the_batchs(scorer: Scorer, model: ChurnModel, customers: pl.DataFrame) -> None:
    some = customers.head(40)

    found = scorer.reasons(encode(some, scorer.features))

    assert found == top_reasons(model, some)
    assert any(found)


def test_reasons_of_one_row_are_those_among_many(scorer: Scorer, customers: pl.DataFrame) -> None:
    rows = encode(customers.head(10), scorer.features)

    assert [scorer.reasons(rows[place : place + 1])[0] for place in range(10)] == scorer.reasons(rows)


def test_what_is_no_probability_is_never_given(models: Models, customers: pl.DataFrame) -> None:
    spoilt = with_nan_scores(models.challenger)
    scorer = Scorer(served(spoilt, "9"), spoilt, spoilt)

    with pytest.raises(ScoringError, match="version 9 gave a value that is no probability"):
        scorer.probabilities(encode(customers.head(3), scorer.features))


def test_no_row_has_no_score(scorer: Scorer) -> None:
    assert scorer.probabilities(np.empty((0, len(scorer.features)), dtype=np.float32)) == []
