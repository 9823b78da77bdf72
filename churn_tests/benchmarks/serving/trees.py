"""How anybody who trained the champion's trees would call them: the library's own objects, no code of ours.

The baselines share it. They serve the trees' own probability, without the platform's calibration: less work than ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, create_model

from churn_assets.learning.contract import ModelContract
from churn_assets.learning.folder import CONTRACT

XGBOOST, LIGHTGBM = "model.ubj", "model.txt"
Values = Mapping[str, Any]
Score = Callable[[Values], float]


def contract_of(folder: Path) -> ModelContract:
    """Return what the folder's model takes."""
    return ModelContract.from_json((folder / CONTRACT).read_text(encoding="utf-8"))


def request_model(contract: ModelContract) -> type[BaseModel]:
    """Return the pydantic model of one request: the customer's id and every feature, which may be null."""
    kinds: dict[str, Any] = {"number": (float | None, ...), "category": (str | None, ...)}
    features = create_model(
        "Features",
        __config__=ConfigDict(extra="forbid", allow_inf_nan=False),
        **{feature.name: kinds[feature.kind] for feature in contract.features},
    )
    return create_model("Request", customer_id=(int, ...), features=(features, ...))


def score_by_frame(folder: Path) -> Score:
    """Return a function that makes a data frame of one row and asks the estimator, with the library's defaults.

    Where there are two usual ways the faster one is taken: nulls become NaN before pandas sees them, so that only the
    categories have to be cast.
    """
    contract = contract_of(folder)
    types = {
        each.name: pd.CategoricalDtype(list(each.vocabulary))
        for each in contract.features
        if each.kind == "category"
    }
    predict = (
        _frame_of_xgboost(folder) if contract.family == "xgboost" else _frame_of_lightgbm(folder, contract)
    )

    def score(values: Values) -> float:
        row = {name: np.nan if value is None else value for name, value in values.items()}
        return predict(pd.DataFrame([row]).astype(types))

    return score


def score_by_row(folder: Path) -> Score:
    """Return a function that fills one row of float32 and asks the booster with one thread, its columns unchecked."""
    contract = contract_of(folder)
    codes = {
        each.name: {value: code for code, value in enumerate(each.vocabulary)}
        for each in contract.features
        if each.kind == "category"
    }
    names = contract.feature_names
    predict = _row_of_xgboost(folder) if contract.family == "xgboost" else _row_of_lightgbm(folder)

    def code(name: str, value: Any) -> float:  # noqa: ANN401  a number, a category or nothing
        if value is None:
            return np.nan
        return codes[name].get(value, np.nan) if name in codes else value

    def score(values: Values) -> float:
        return predict(np.array([[code(name, values[name]) for name in names]], dtype=np.float32))

    return score


def encoded_values(contract: ModelContract, values: Values) -> list[float | None]:
    """Return a row of numbers as the trees take it, categories as their codes, for a server that knows no categories."""
    return [
        each.vocabulary.index(values[each.name])
        if values[each.name] in each.vocabulary
        else None
        if each.kind == "category"
        else values[each.name]
        for each in contract.features
    ]


def _frame_of_xgboost(folder: Path) -> Callable[[pd.DataFrame], float]:
    import xgboost as xgb  # noqa: PLC0415  a baseline loads the one library that it needs

    classifier = xgb.XGBClassifier()
    classifier.load_model(folder / XGBOOST)
    return lambda frame: float(classifier.predict_proba(frame)[0, 1])


def _frame_of_lightgbm(folder: Path, contract: ModelContract) -> Callable[[pd.DataFrame], float]:
    """LightGBM's frames need the categories in the file, where training on a frame would have put them."""
    import lightgbm as lgb  # noqa: PLC0415  likewise

    text, _, _ = (folder / LIGHTGBM).read_text(encoding="utf-8").rpartition("pandas_categorical:")
    categories = [each.vocabulary for each in contract.features if each.kind == "category"]
    booster = lgb.Booster(model_str=f"{text}pandas_categorical:{json.dumps(categories)}\n")
    return lambda frame: float(booster.predict(frame)[0])


def _row_of_xgboost(folder: Path) -> Callable[[np.ndarray], float]:
    import xgboost as xgb  # noqa: PLC0415  likewise

    booster = xgb.Booster()
    booster.load_model(folder / XGBOOST)
    booster.set_param({"nthread": 1})
    return lambda row: float(booster.inplace_predict(row, validate_features=False)[0])


def _row_of_lightgbm(folder: Path) -> Callable[[np.ndarray], float]:
    import lightgbm as lgb  # noqa: PLC0415  likewise

    booster = lgb.Booster(model_file=folder / LIGHTGBM)
    return lambda row: float(booster.predict(row, num_threads=1, validate_features=False)[0])
