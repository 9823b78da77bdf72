"""Gradient-boosted trees of LightGBM, kept as `model.txt`."""

from __future__ import annotations

import re
from typing import Any

import lightgbm as lgb
import numpy as np

from churn_assets.learning.errors import ModelError
from churn_assets.learning.families.protocol import Grown, Plan, Sample
from churn_assets.learning.inputs import Floats, Matrix

# Tuned on the embedded operator (24,000 customers, 550 churners a month): small trees, strongly shrunk, each from few
# features. `deterministic` and `force_row_wise` make the trees independent of the threads.
PARAMS: dict[str, Any] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "feature_fraction": 0.3,
    "min_data_in_leaf": 20,
    "lambda_l2": 5,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class LightGBMFamily:
    """LightGBM's leaf-wise trees with native categories and missing values."""

    name = "lightgbm"
    file = "model.txt"

    def grow(self, train: Sample, early: Sample, plan: Plan) -> Grown:
        """Train, and let the early sample fix the number of trees."""
        params = _params(plan)
        rows = _dataset(train, plan, params)
        history: dict[str, dict[str, list[float]]] = {}
        booster = lgb.train(
            params | {"num_threads": plan.threads},
            rows,
            num_boost_round=plan.max_rounds,
            valid_sets=[_dataset(early, plan, params, like=rows)],
            valid_names=["early"],
            callbacks=[lgb.early_stopping(plan.patience, verbose=False), lgb.record_evaluation(history)],
        )
        rounds = int(booster.best_iteration)
        return Grown(_raw(booster, rounds), rounds, tuple(history["early"]["binary_logloss"]), params)

    def regrow(self, sample: Sample, rounds: int, plan: Plan) -> Grown:
        """Train with a number of trees that is already fixed."""
        params = _params(plan)
        booster = lgb.train(
            params | {"num_threads": plan.threads}, _dataset(sample, plan, params), num_boost_round=rounds
        )
        return Grown(_raw(booster, rounds), rounds, (), params)

    def load(self, raw: bytes, threads: int) -> LightGBMTrees:
        """Parse the bytes of LightGBM's text file.

        Raises:
            ModelError: the bytes are no LightGBM model.
        """
        try:
            return LightGBMTrees(lgb.Booster(model_str=raw.decode("utf-8")), threads)
        except (lgb.basic.LightGBMError, UnicodeDecodeError) as problem:
            raise ModelError(
                "model.txt is no LightGBM model: take the folder from the registry again"
            ) from problem


class LightGBMTrees:
    """A booster that scores float32 matrices."""

    def __init__(self, booster: lgb.Booster, threads: int) -> None:
        self._booster = booster
        self._threads = threads

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns in the order of the matrix, as the native file has them."""
        return tuple(self._booster.feature_name())

    def margins(self, matrix: Matrix) -> Floats:
        """Return the log-odds of each row, uncalibrated."""
        found = self._booster.predict(
            matrix, raw_score=True, num_threads=self._threads, validate_features=False
        )
        return np.asarray(found, dtype=np.float64)

    def contributions(self, matrix: Matrix) -> Floats:
        """Return TreeSHAP values and, as the last column, the expected log-odds."""
        found = self._booster.predict(
            matrix, pred_contrib=True, num_threads=self._threads, validate_features=False
        )
        return np.asarray(found, dtype=np.float64)

    def gains(self) -> dict[str, float]:
        """Return the summed gain of each feature's splits; a feature without a split has 0."""
        found = self._booster.feature_importance(importance_type="gain")
        return dict(zip(self.feature_names, (float(each) for each in found), strict=True))


def _params(plan: Plan) -> dict[str, Any]:
    """Return the parameters of this training, all but the threads."""
    return PARAMS | {"seed": plan.seed, "monotone_constraints": list(plan.constraints)}


def _dataset(
    sample: Sample, plan: Plan, params: dict[str, Any], like: lgb.Dataset | None = None
) -> lgb.Dataset:
    """Return the sample in bins, those of another sample where one is given."""
    return lgb.Dataset(
        sample.matrix,
        sample.churned.astype(np.float32),
        weight=sample.weights,
        feature_name=[feature.name for feature in plan.features],
        categorical_feature=[place for place, each in enumerate(plan.features) if each.kind == "category"],
        params=params | {"num_threads": plan.threads},
        reference=like,
    )


def _raw(booster: lgb.Booster, rounds: int) -> bytes:
    """Return the native text with the number of threads blanked: it changes the time, not the model."""
    text = booster.model_to_string(num_iteration=rounds)
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text).encode("utf-8")
