"""From a request's features, or a row of the online store, to the row that a model's trees read.

The same bits as `learning.encoding.encode` gives for a frame: numbers as float32, missing as NaN, a category as its
place in the model's vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.inputs import FeatureKind, Matrix

Row = npt.NDArray[np.float32]
Value = float | str | None
_NAN = float("nan")


class StoredColumn(Protocol):
    """A column of a snapshot of the online store."""

    @property
    def name(self) -> str:
        """The feature's name."""

    @property
    def kind(self) -> FeatureKind:
        """A number, or a category of a closed list."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The categories in the order of their codes; empty for a number."""


class InputsError(ValueError):
    """A model needs what a snapshot does not hold."""


class RequestInputs:
    """Takes the model's features out of a request's values.

    Args:
        names: the names of the values, in their order.
        features: the model's features, in the contract's order.
    """

    def __init__(self, names: Sequence[str], features: Sequence[ContractFeature]) -> None:
        places = {name: place for place, name in enumerate(names)}
        self._places = tuple(places[feature.name] for feature in features)
        self._categories = [
            (place, _codes(feature.vocabulary))
            for place, feature in enumerate(features)
            if feature.kind == "category"
        ]

    def row(self, values: Sequence[Value]) -> Row:
        """Return the model's row of a request's values."""
        picked = [values[place] for place in self._places]
        for place, codes in self._categories:
            picked[place] = codes.get(picked[place], _NAN)
        return np.array([_NAN if value is None else value for value in picked], dtype=np.float32)


class StoreInputs:
    """Takes the model's features out of rows of a snapshot.

    Args:
        columns: the snapshot's columns, in their order.
        features: the model's features, in the contract's order.

    Raises:
        InputsError: the snapshot lacks a feature, or has it as another kind.
    """

    def __init__(self, columns: Sequence[StoredColumn], features: Sequence[ContractFeature]) -> None:
        places = {column.name: place for place, column in enumerate(columns)}
        if missing := [feature.name for feature in features if feature.name not in places]:
            raise InputsError(
                f"the online store lacks {', '.join(missing)}, which the model reads: publish the month again with the "
                "features that it was trained on"
            )
        for feature in features:
            if (kind := columns[places[feature.name]].kind) != feature.kind:
                raise InputsError(
                    f"{feature.name} is a {kind} in the online store, the model reads a {feature.kind}: publish the month "
                    "again with the features that it was trained on"
                )
        self._places = np.array([places[feature.name] for feature in features], dtype=np.intp)
        self._recoded = [
            (place, _recoding(columns[places[feature.name]].vocabulary, feature.vocabulary))
            for place, feature in enumerate(features)
            if feature.kind == "category" and columns[places[feature.name]].vocabulary != feature.vocabulary
        ]
        self._overridable = {
            feature.name: (place, _codes(feature.vocabulary)) for place, feature in enumerate(features)
        }

    def rows(self, stored: Matrix) -> Matrix:
        """Return the model's rows of stored ones."""
        found: Matrix = stored[:, self._places]
        for place, codes in self._recoded:
            column = found[:, place]
            present = ~np.isnan(column)
            column[present] = codes[column[present].astype(np.intp)]
        return found

    def override(self, row: Row, overrides: Mapping[str, Value]) -> None:
        """Put a request's values in the place of the stored ones; a feature that the model does not read is left alone."""
        for name, value in overrides.items():
            if (known := self._overridable.get(name)) is None:
                continue
            place, codes = known
            row[place] = codes.get(value, _NAN) if value is None or isinstance(value, str) else value


def _codes(vocabulary: Sequence[str]) -> Mapping[Value, float]:
    """Return the code of each category; whatever else stands in its place is missing."""
    return {value: float(code) for code, value in enumerate(vocabulary)}


def _recoding(stored: Sequence[str], wanted: Sequence[str]) -> Row:
    """Return the model's code of each stored code."""
    codes = _codes(wanted)
    return np.array([codes.get(value, _NAN) for value in stored], dtype=np.float32)
