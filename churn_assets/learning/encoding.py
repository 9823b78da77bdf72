"""From a frame to the matrix that the trees read: one code path for training, batch and online scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.errors import ModelError
from churn_assets.learning.inputs import Matrix


def encode(frame: pl.DataFrame, features: Sequence[ContractFeature]) -> Matrix:
    """Return the features as float32, a row per customer and a column per feature in the given order.

    Missing is NaN. A category is the place of its value in the vocabulary; a value outside the vocabulary is missing.
    Columns of the frame may stand in any order; columns that no feature names are ignored.

    Raises:
        ModelError: a feature has no column, a column of another type, or an infinite value.
    """
    _demand_columns(frame, features)
    coded = frame.select(_coded(feature, frame.schema[feature.name]) for feature in features)
    matrix: Matrix = np.ascontiguousarray(coded.to_numpy(order="c"), dtype=np.float32)
    _demand_finite(matrix, features)
    return matrix


def _demand_columns(frame: pl.DataFrame, features: Sequence[ContractFeature]) -> None:
    """Raise where a feature has no column."""
    missing = [feature.name for feature in features if feature.name not in frame.columns]
    if missing:
        raise ModelError(
            f"the frame lacks the feature{'s' if len(missing) > 1 else ''} {', '.join(missing)}: "
            "compute the feature matrix with the release that trained this model, or retrain without them"
        )


def _coded(feature: ContractFeature, dtype: pl.DataType) -> pl.Expr:
    """Return the feature's column as float32 codes or numbers."""
    column = pl.col(feature.name)
    if dtype == pl.Null:
        return column.cast(pl.Float32)
    if feature.kind == "number" and (dtype.is_numeric() or dtype == pl.Boolean):
        return column.cast(pl.Float32)
    if feature.kind == "category" and dtype in {pl.String, pl.Categorical, pl.Enum}:
        codes = column.cast(pl.String).cast(pl.Enum(feature.vocabulary), strict=False)
        return codes.to_physical().cast(pl.Float32)
    raise ModelError(
        f"feature {feature.name} is a {feature.kind}, but the frame has {dtype}: deliver it as a {feature.kind}"
    )


def _demand_finite(matrix: Matrix, features: Sequence[ContractFeature]) -> None:
    """Raise where a value is infinite, also one that only float32 cannot hold."""
    infinite = np.isinf(matrix)
    if infinite.any():
        rows, columns = np.nonzero(infinite)
        raise ModelError(
            f"feature {features[int(columns[0])].name} is infinite or beyond 3.4e38 in row {int(rows[0])} "
            f"({len(rows)} such values in all): mend the value at its source, missing is null"
        )
