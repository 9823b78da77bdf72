"""What a model must show before it answers, and what it is refused for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from churn_assets.learning.contract import contract_features
from churn_assets.learning.encoding import encode
from churn_assets.learning.model import ChurnModel
from churn_serving.places import ServingPlaces
from churn_serving.proving import PARITY, GoldenRows, RefusedModel, load_proven
from churn_tests.learning.synthetic import FEATURES
from churn_tests.serving.spoiling import (
    SPOILINGS,
    Spoiling,
    kept,
    with_constant_scores,
    with_other_calibration,
)
from churn_tests.serving.stand import Models, served

COLUMNS = contract_features(FEATURES)


def golden(customers: pl.DataFrame, model: ChurnModel, shift: float = 0.0) -> GoldenRows:
    """Return rows with a model's scores, shifted."""
    some = customers.head(64)
    scores = model.probabilities(some) + shift
    return GoldenRows(COLUMNS, encode(some, COLUMNS), model.digest, scores.tolist())


@pytest.mark.parametrize("arm", ["champion", "challenger"])
@pytest.mark.parametrize("proof", ["its own golden rows", "another model's golden rows", "no golden rows"])
def test_a_whole_model_is_taken_and_scores_as_the_batch_does(
    places: ServingPlaces, models: Models, customers: pl.DataFrame, arm: str, proof: str
) -> None:
    model: ChurnModel = getattr(models, arm)
    other = models.challenger if model is models.champion else models.champion
    rows = {"i": golden(customers, model), "a": golden(customers, other), "n": None}[proof[0]]

    scorer = load_proven(places.model(model.digest), served(model, "1"), rows)

    assert scorer.probabilities(encode(customers, COLUMNS)) == model.probabilities(customers).tolist()


@pytest.mark.parametrize(("spoil", "said"), SPOILINGS.values(), ids=SPOILINGS)
@pytest.mark.parametrize("with_golden", [True, False])
def test_a_bad_model_is_refused_with_its_version_and_what_is_wrong(
    places: ServingPlaces,
    models: Models,
    customers: pl.DataFrame,
    spoil: Spoiling,
    said: str,
    *,
    with_golden: bool,
) -> None:
    bad = spoil(places, models)
    rows = golden(customers, models.champion) if with_golden else None

    with pytest.raises(RefusedModel, match=rf"version 13 is not served: .*{said}"):
        load_proven(places.model(bad.digest), bad, rows)


@pytest.mark.parametrize(
    ("shift", "taken"), [(PARITY / 2, True), (-PARITY / 2, True), (2 * PARITY, False), (-0.01, False)]
)
def test_golden_scores_must_be_made_again_to_a_millionth(
    places: ServingPlaces, models: Models, customers: pl.DataFrame, shift: float, *, taken: bool
) -> None:
    model = models.champion
    rows = golden(customers, model, shift)

    if taken:
        load_proven(places.model(model.digest), served(model, "1"), rows)
    else:
        with pytest.raises(RefusedModel, match="otherwise than the batch did"):
            load_proven(places.model(model.digest), served(model, "1"), rows)


def test_golden_scores_of_another_model_prove_nothing(
    places: ServingPlaces, models: Models, customers: pl.DataFrame
) -> None:
    other = kept(places, with_other_calibration(models.champion))

    load_proven(places.model(other.digest), other, golden(customers, models.champion, shift=0.3))


def test_a_model_that_reads_what_the_golden_rows_lack_is_refused(
    places: ServingPlaces, models: Models, customers: pl.DataFrame
) -> None:
    rows = golden(customers, models.champion)
    few = replace(rows, columns=COLUMNS[:-1], rows=rows.rows[:, :-1])

    with pytest.raises(RefusedModel, match="the online store lacks region"):
        load_proven(places.model(models.champion.digest), served(models.champion, "1"), few)


def test_a_single_golden_customer_is_no_proof_that_all_are_scored_the_same(
    places: ServingPlaces, models: Models, customers: pl.DataFrame
) -> None:
    rows = golden(customers, models.champion)
    lone = replace(rows, rows=rows.rows[:1], probabilities=rows.probabilities[:1])
    constant = kept(places, with_constant_scores(models.champion))

    load_proven(places.model(models.champion.digest), served(models.champion, "1"), lone)
    with pytest.raises(RefusedModel, match="all the same"):
        load_proven(places.model(constant.digest), constant, lone)


def test_golden_rows_without_a_customer_are_none(places: ServingPlaces, models: Models) -> None:
    empty = GoldenRows(COLUMNS, np.empty((0, len(COLUMNS)), dtype=np.float32), models.champion.digest, [])

    load_proven(places.model(models.champion.digest), served(models.champion, "1"), empty)
