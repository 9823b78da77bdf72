"""Gradient-boosted trees of XGBoost, kept as `model.ubj`."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost as xgb

from churn_assets.learning.errors import ModelError
from churn_assets.learning.families.protocol import Grown, Plan, Sample
from churn_assets.learning.inputs import Floats, Matrix

# Tuned on the embedded operator (24,000 customers, 550 churners a month): few, shallow, strongly shrunk trees.
# No class weight: the log loss then yields probabilities, and calibration stays a small correction.
PARAMS: dict[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.07,
    "subsample": 0.7,
    "colsample_bytree": 0.4,
    "min_child_weight": 5,
    "reg_lambda": 5,
    "max_bin": 64,
}


class XGBoostFamily:
    """XGBoost's histogram trees with native categories and missing values."""

    name = "xgboost"
    file = "model.ubj"

    def grow(self, train: Sample, early: Sample, plan: Plan) -> Grown:
        """Train, and let the early sample fix the number of trees."""
        params = _params(train, plan)
        rows = _quantized(train, plan)
        watched = _quantized(early, plan, like=rows)
        history: dict[str, dict[str, list[float]]] = {}
        booster = xgb.train(
            params | {"nthread": plan.threads},
            rows,
            num_boost_round=plan.max_rounds,
            evals=[(watched, "early")],
            early_stopping_rounds=plan.patience,
            evals_result=history,
            verbose_eval=False,
        )
        rounds = int(booster.best_iteration) + 1
        return Grown(_raw(booster[:rounds]), rounds, tuple(history["early"]["logloss"]), params)

    def regrow(self, sample: Sample, rounds: int, plan: Plan) -> Grown:
        """Train with a number of trees that is already fixed."""
        params = _params(sample, plan)
        booster = xgb.train(
            params | {"nthread": plan.threads}, _quantized(sample, plan), num_boost_round=rounds
        )
        return Grown(_raw(booster), rounds, (), params)

    def load(self, raw: bytes, threads: int) -> XGBoostTrees:
        """Parse the bytes of a `.ubj` file.

        Raises:
            ModelError: the bytes are no XGBoost model.
        """
        booster = xgb.Booster()
        try:
            booster.load_model(bytearray(raw))
        except xgb.core.XGBoostError as problem:
            raise ModelError(
                "model.ubj is no XGBoost model: take the folder from the registry again"
            ) from problem
        booster.set_param({"nthread": threads})
        return XGBoostTrees(booster)


class XGBoostTrees:
    """A booster that scores float32 matrices without a copy."""

    def __init__(self, booster: xgb.Booster) -> None:
        self._booster = booster

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns in the order of the matrix, as the native file has them."""
        return tuple(self._booster.feature_names or ())

    def margins(self, matrix: Matrix) -> Floats:
        """Return the log-odds of each row, uncalibrated."""
        # the columns were checked when the matrix was built; XGBoost's own check costs more than one row's score
        found = self._booster.inplace_predict(
            matrix, predict_type="margin", missing=np.nan, validate_features=False
        )
        return np.asarray(found, dtype=np.float64)

    def contributions(self, matrix: Matrix) -> Floats:
        """Return TreeSHAP values and, as the last column, the expected log-odds."""
        rows = xgb.DMatrix(
            matrix,
            feature_names=self._booster.feature_names,
            feature_types=self._booster.feature_types,
            enable_categorical=True,
        )
        return np.asarray(self._booster.predict(rows, pred_contribs=True), dtype=np.float64)

    def gains(self) -> dict[str, float]:
        """Return the summed gain of each feature's splits; a feature without a split has 0."""
        found = self._booster.get_score(importance_type="total_gain")
        return {name: float(found.get(name, 0.0)) for name in self.feature_names}


def _params(sample: Sample, plan: Plan) -> dict[str, Any]:
    """Return the parameters of this training, all but the threads."""
    rate = float(np.average(sample.churned, weights=sample.weights))
    constraints = "(" + ",".join(str(each) for each in plan.constraints) + ")"
    return PARAMS | {"seed": plan.seed, "base_score": rate, "monotone_constraints": constraints}


def _quantized(sample: Sample, plan: Plan, like: xgb.QuantileDMatrix | None = None) -> xgb.QuantileDMatrix:
    """Return the sample in bins, those of another sample where one is given."""
    return xgb.QuantileDMatrix(
        sample.matrix,
        sample.churned,
        weight=sample.weights,
        feature_names=[feature.name for feature in plan.features],
        feature_types=["c" if feature.kind == "category" else "q" for feature in plan.features],
        max_bin=PARAMS["max_bin"],
        nthread=plan.threads,
        ref=like,
    )


def _raw(booster: xgb.Booster) -> bytes:
    """Return the native bytes without the attributes that early stopping left behind."""
    booster.set_attr(**dict.fromkeys(booster.attributes()))
    return bytes(booster.save_raw("ubj"))
