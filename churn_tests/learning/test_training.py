"""Training: the same months are the same bytes, later months stay closed, and the model is as good as its world allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
import pytest

from churn_assets.domain.economics import Economics
from churn_assets.learning.contract import contract_features
from churn_assets.learning.errors import ModelError
from churn_assets.learning.evaluation import evaluate
from churn_assets.learning.sampling import learning_sample
from churn_assets.learning.split import TemporalSplit, temporal_split
from churn_assets.learning.training import Training, TrainingSettings, train_challenger
from churn_tests.learning.synthetic import FEATURES, MONTHS, labelled_months, month_of_customers

FOUR = temporal_split(MONTHS[:4])
QUICK = TrainingSettings(max_rounds=30, regrow_up_to_months=0)


def trained(
    months: Mapping[str, pl.DataFrame],
    split: TemporalSplit = FOUR,
    *,
    seed: int = 7,
    threads: int = 2,
    settings: TrainingSettings = QUICK,
) -> Training:
    """Train both families."""
    return train_challenger(
        months, split, FEATURES, seed=seed, threads=threads, economics=Economics(), settings=settings
    )


class OpenedMonths(Mapping[str, pl.DataFrame]):
    """Months that remember which of them were opened."""

    def __init__(self, months: Mapping[str, pl.DataFrame]) -> None:
        self.opened: list[str] = []
        self._months = months

    def __getitem__(self, month: str) -> pl.DataFrame:
        self.opened.append(month)
        return self._months[month]

    def __iter__(self) -> Iterator[str]:
        return iter(self._months)

    def __len__(self) -> int:
        return len(self._months)


@pytest.fixture(scope="module")
def small() -> dict[str, pl.DataFrame]:
    """Four labelled months of 3,000 customers."""
    return labelled_months(4, customers=3_000)


@pytest.mark.parametrize("family", ["xgboost", "lightgbm"])
def test_same_months_and_seed_are_the_same_bytes_whatever_the_threads_and_the_order_of_rows(
    small: dict[str, pl.DataFrame], family: str
) -> None:
    shuffled = {name: frame.sample(fraction=1.0, shuffle=True, seed=3) for name, frame in small.items()}

    def digest(months: Mapping[str, pl.DataFrame], threads: int) -> str:
        return train_challenger(
            months, FOUR, FEATURES, seed=7, threads=threads, economics=Economics(), families=[family]
        ).model.digest

    assert digest(small, 1) == digest(small, 3) == digest(shuffled, 2)


def test_another_seed_is_another_model(small: dict[str, pl.DataFrame]) -> None:
    assert trained(small).model.digest != trained(small, seed=8).model.digest


def test_hold_out_is_never_opened(small: dict[str, pl.DataFrame]) -> None:
    months = OpenedMonths(small)

    trained(months)

    assert set(months.opened) == set(FOUR.learning_months)
    assert FOUR.hold_out not in months.opened


def test_contract_says_what_the_model_was_made_from(small: dict[str, pl.DataFrame]) -> None:
    training = train_challenger(
        small,
        FOUR,
        FEATURES,
        seed=7,
        threads=2,
        economics=Economics(),
        data_versions={"feature_matrix": 3},
        settings=QUICK,
    )
    contract = training.model.contract

    assert contract.training_months == FOUR.train
    assert contract.early_stopping_month == FOUR.early_stopping
    assert contract.calibration_months == (FOUR.early_stopping, FOUR.calibration)
    assert contract.calibration_month == FOUR.calibration
    assert contract.data_versions == {"feature_matrix": 3}
    assert contract.seed == 7
    assert "nthread" not in contract.params
    assert "num_threads" not in contract.params
    grown_from = pl.concat([small[month] for month in (*FOUR.train, FOUR.early_stopping)])
    assert contract.base_rate == pytest.approx(grown_from["churned"].mean(), rel=1e-5)
    assert training.chosen.threshold.value == contract.threshold


def test_with_few_months_the_trees_grow_on_the_early_month_too_which_then_does_not_calibrate(
    small: dict[str, pl.DataFrame],
) -> None:
    contract = trained(small, settings=TrainingSettings(max_rounds=10)).model.contract

    assert contract.training_months == (*FOUR.train, FOUR.early_stopping)
    assert contract.calibration_months == (FOUR.calibration,)


def test_better_family_by_the_calibration_month_becomes_the_challenger(
    small: dict[str, pl.DataFrame],
) -> None:
    training = trained(small)

    assert [candidate.family for candidate in training.candidates] == ["xgboost", "lightgbm"]
    assert training.chosen.log_loss == min(candidate.log_loss for candidate in training.candidates)
    for candidate in training.candidates:
        assert candidate.curve[candidate.rounds - 1] == min(candidate.curve)


def test_model_ranks_nearly_as_well_as_the_truth_and_clears_the_floors() -> None:
    hold_out = month_of_customers(77, customers=24_000)
    churned = hold_out["churned"].to_numpy()
    training = trained(
        labelled_months(6, customers=10_000), temporal_split(MONTHS[:7]), settings=TrainingSettings()
    )

    found = evaluate(churned, training.model.probabilities(hold_out), training.model.threshold, Economics())
    oracle = evaluate(churned, hold_out["oracle_p"].to_numpy(), training.model.threshold, Economics())

    assert found.auc >= 0.96 * oracle.auc
    assert found.recall >= 0.65
    assert found.precision >= 0.60
    assert found.reliability.mean_probability == pytest.approx(found.base_rate, rel=0.15)


def test_silent_world_yields_a_model_that_promises_nothing() -> None:
    months = labelled_months(4, customers=3_000, separation=0.0)

    training = trained(months)

    assert training.model.contract.threshold_policy == "break_even"
    assert training.model.score(months[FOUR.hold_out])["churn_prediction"].sum() < 10


def test_thinned_stayers_stand_for_those_left_out(small: dict[str, pl.DataFrame]) -> None:
    frame = small[MONTHS[0]]
    churners = int(frame["churned"].sum())

    sample = learning_sample(small, MONTHS[0], contract_features(FEATURES), seed=1, ratio=5)

    assert sample.churned.sum() == churners
    assert len(sample.churned) == 6 * churners
    assert sample.weights[sample.churned].tolist() == [1.0] * churners
    assert sample.weights.sum() == pytest.approx(frame.height, rel=1e-5)


def test_months_sample_does_not_depend_on_the_other_months(small: dict[str, pl.DataFrame]) -> None:
    features = contract_features(FEATURES)
    alone = {MONTHS[1]: small[MONTHS[1]]}

    one = learning_sample(small, MONTHS[1], features, seed=1, ratio=5)
    other = learning_sample(alone, MONTHS[1], features, seed=1, ratio=5)

    assert np.array_equal(one.matrix, other.matrix, equal_nan=True)


def test_progress_is_told(small: dict[str, pl.DataFrame]) -> None:
    told: list[str] = []

    train_challenger(
        small, FOUR, FEATURES, seed=7, threads=1, economics=Economics(), settings=QUICK, progress=told.append
    )

    assert told == ["reading the labelled months", "growing xgboost and lightgbm"]


def test_what_is_missing_is_named(small: dict[str, pl.DataFrame]) -> None:
    unlabelled = small | {FOUR.calibration: small[FOUR.calibration].drop("churned")}
    vanished = small | {
        FOUR.calibration: small[FOUR.calibration].with_columns(churned=pl.lit(None, dtype=pl.Int8))
    }
    nobody_left = small | {FOUR.calibration: small[FOUR.calibration].with_columns(churned=pl.lit(0))}

    with pytest.raises(ModelError, match="month 2025-01 is not among"):
        trained({})
    with pytest.raises(ModelError, match="2025-03 lacks churned"):
        trained(unlabelled)
    with pytest.raises(ModelError, match="3000 customers of 2025-03 have no label"):
        trained(vanished)
    with pytest.raises(ValueError, match="0 churners of 3000 customers in 2025-03"):
        trained(nobody_left)


def test_unknown_family_is_named(small: dict[str, pl.DataFrame]) -> None:
    with pytest.raises(ModelError, match="no model family is called 'forest'"):
        train_challenger(small, FOUR, FEATURES, seed=7, threads=1, economics=Economics(), families=["forest"])
    with pytest.raises(ModelError, match="no family was named"):
        train_challenger(small, FOUR, FEATURES, seed=7, threads=1, economics=Economics(), families=[])
