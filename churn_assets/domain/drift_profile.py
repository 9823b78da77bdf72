"""What months looked like, small enough to keep: bins, counts and a sketch of each feature, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
import polars as pl

from churn_assets.domain.drift_measures import Counts, Floats, sketch

SCORE = "churn_probability"
"""The column that is profiled as the score wherever a frame has it."""
_QUANTILES = 10
_GREATEST = 1e100


class Feature(Protocol):
    """What drift needs to know of a feature."""

    @property
    def name(self) -> str:
        """The column's name."""

    @property
    def kind(self) -> Literal["number", "category"]:
        """Whether it is measured as a number or as a category."""


@dataclass(frozen=True)
class NumberProfile:
    """A number's distribution.

    Attributes:
        name: the column.
        edges: the bins' inner edges: bin i holds edges[i - 1] <= value < edges[i]. An edge next to the one
            before it in floating point makes a bin of a single value.
        counts: rows in each bin, the last count being the missing values.
        mean: of the values; None without one.
        deviation: standard deviation of the values; None without one.
        sketch: means of groups of equal weight in ascending order; empty without values.
    """

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float | None
    deviation: float | None
    sketch: tuple[float, ...]


@dataclass(frozen=True)
class CategoryProfile:
    """A category's distribution.

    Attributes:
        name: the column.
        counts: rows of each value.
        missing: rows without a value.
    """

    name: str
    counts: dict[str, int]
    missing: int


@dataclass(frozen=True)
class ReferenceProfile:
    """What the months that are compared against looked like.

    Attributes:
        months: the months, in order.
        rows: rows in all of them.
        numbers: the numbers, and the score among them where there is one.
        categories: the categories.
    """

    months: tuple[str, ...]
    rows: int
    numbers: tuple[NumberProfile, ...]
    categories: tuple[CategoryProfile, ...]

    def number(self, name: str) -> NumberProfile | None:
        """Return the profile of a number, or None."""
        return next((profile for profile in self.numbers if profile.name == name), None)

    def category(self, name: str) -> CategoryProfile | None:
        """Return the profile of a category, or None."""
        return next((profile for profile in self.categories if profile.name == name), None)

    def to_json(self) -> str:
        """Return the profile as JSON, numbers exact."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ReferenceProfile:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no profile.
        """
        try:
            plain = json.loads(text)
            return cls(
                months=tuple(plain["months"]),
                rows=int(plain["rows"]),
                numbers=tuple(NumberProfile(**_tuples(number)) for number in plain["numbers"]),
                categories=tuple(CategoryProfile(**category) for category in plain["categories"]),
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no reference profile of drift ({error}): make it anew") from None


def reference_profile(
    frame: pl.DataFrame, features: Iterable[Feature], months: Sequence[str] = ()
) -> ReferenceProfile:
    """Profile the rows that later months are compared against.

    Args:
        frame: the feature matrix of the reference months; with a column `churn_probability`, the scores too.
        features: the features to profile.
        months: the months that the frame holds; by default those of its column `month`.

    Raises:
        ValueError: the frame has no rows, or lacks a feature.
    """
    if frame.is_empty():
        raise ValueError("a reference of drift needs rows: there are none")
    listed = list(features)
    require(frame, listed)
    if not months and "month" in frame.columns:
        months = frame["month"].cast(pl.String).unique().sort().to_list()
    numbers = [feature.name for feature in listed if feature.kind == "number"]
    if SCORE in frame.columns and SCORE not in numbers:
        numbers.append(SCORE)
    return ReferenceProfile(
        months=tuple(months),
        rows=frame.height,
        numbers=tuple(_number(frame[name]) for name in numbers),
        categories=tuple(_category(frame[feature.name]) for feature in listed if feature.kind == "category"),
    )


def require(frame: pl.DataFrame, features: Iterable[Feature]) -> None:
    """Raise ValueError where the frame lacks a feature."""
    lacking = [feature.name for feature in features if feature.name not in frame.columns]
    if lacking:
        raise ValueError(f"the frame lacks the features {', '.join(lacking)}: pass only features that it has")


def sorted_values(column: pl.Series) -> Floats:
    """Return the values of a number in ascending order; one too great to be squared counts as missing."""
    values = column.cast(pl.Float64).to_numpy()
    return np.sort(values[np.abs(values) < _GREATEST])


def counts_in_bins(values: Floats, edges: Sequence[float], missing: int) -> Counts:
    """Return how many of the sorted values lie in each bin, and the missing as the last bin."""
    below = np.searchsorted(values, np.asarray(edges), side="left")
    return np.diff(np.concatenate(([0], below, [values.size, values.size + missing])))


def value_counts(column: pl.Series) -> dict[str, int]:
    """Return the rows of each value that is not missing, by value."""
    counted = column.drop_nulls().cast(pl.String).value_counts(name="rows").sort(column.name)
    return dict(zip(counted[column.name].to_list(), counted["rows"].to_list(), strict=True))


def _number(column: pl.Series) -> NumberProfile:
    values = sorted_values(column)
    edges = _edges(values)
    return NumberProfile(
        name=column.name,
        edges=edges,
        counts=tuple(counts_in_bins(values, edges, column.len() - values.size).tolist()),
        mean=float(values.mean()) if values.size else None,
        deviation=float(values.std()) if values.size else None,
        sketch=tuple(sketch(values).tolist()) if values.size else (),
    )


def _edges(values: Floats) -> tuple[float, ...]:
    """Return the inner deciles; one that stands there twice is a value of its own with a bin of its own."""
    if values.size == 0:
        return ()
    deciles = values[(np.arange(1, _QUANTILES) * values.size) // _QUANTILES]
    distinct, repeated = np.unique(deciles, return_counts=True)
    alone = np.nextafter(distinct[repeated > 1], np.inf)
    return tuple(np.unique(np.concatenate((distinct, alone))).tolist())


def _category(column: pl.Series) -> CategoryProfile:
    return CategoryProfile(name=column.name, counts=value_counts(column), missing=column.null_count())


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
