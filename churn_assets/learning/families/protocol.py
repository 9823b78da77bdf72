"""What a family of models must offer: to train on samples, and to come back from inert bytes as a scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.inputs import Flags, Floats, Matrix


@dataclass(frozen=True)
class Sample:
    """Rows to learn from.

    Attributes:
        matrix: the encoded features, a row per customer and month.
        churned: the label of each row.
        weights: how many rows of the month each row stands for.
    """

    matrix: Matrix
    churned: Flags
    weights: Matrix


@dataclass(frozen=True)
class Plan:
    """How trees are grown; everything that shapes the model's bytes besides the rows.

    Attributes:
        features: the columns of the matrix.
        rising: names of number features that may never lower the risk.
        seed: seed of the random choices.
        threads: threads to use; they change the time, never the bytes.
        max_rounds: upper limit of the number of trees.
        patience: rounds without a better early-stopping loss after which growing ends.
    """

    features: Sequence[ContractFeature]
    rising: frozenset[str]
    seed: int
    threads: int
    max_rounds: int
    patience: int

    @property
    def constraints(self) -> tuple[int, ...]:
        """Return 1 for each feature that may only raise the risk, else 0."""
        return tuple(int(each.kind == "number" and each.name in self.rising) for each in self.features)


@dataclass(frozen=True)
class Grown:
    """What a family returns from training.

    Attributes:
        raw: the native file's bytes.
        rounds: number of trees in it.
        curve: log loss on the early-stopping month after each round; empty where no month stopped the rounds.
        params: the parameters that the library took, without the threads.
    """

    raw: bytes
    rounds: int
    curve: tuple[float, ...]
    params: Mapping[str, Any]


class Trees(Protocol):
    """Grown trees that score."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns in the order of the matrix, as the native file has them."""

    def margins(self, matrix: Matrix) -> Floats:
        """Return the log-odds of each row, uncalibrated."""

    def contributions(self, matrix: Matrix) -> Floats:
        """Return TreeSHAP values: a column per feature, and the expected log-odds as the last; a row sums to its margin."""

    def gains(self) -> dict[str, float]:
        """Return the summed gain of each feature's splits; a feature without a split has 0."""


class Family(Protocol):
    """A kind of model in a native, inert format."""

    @property
    def name(self) -> str:
        """The name in contracts and settings."""

    @property
    def file(self) -> str:
        """The native file's name in a model's folder."""

    def grow(self, train: Sample, early: Sample, plan: Plan) -> Grown:
        """Train, and let the early sample fix the number of trees."""

    def regrow(self, sample: Sample, rounds: int, plan: Plan) -> Grown:
        """Train with a number of trees that is already fixed."""

    def load(self, raw: bytes, threads: int) -> Trees:
        """Parse the native bytes.

        Raises:
            ModelError: the bytes are no model of this family.
        """
