"""One pinned model version, ready to score encoded rows: the words for a probability, and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from churn_assets.learning.bands import (
    Confidence,
    RiskBand,
    confidence_word,
    log_odds_of_threshold,
    risk_band_edges,
    word_of,
)
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.inputs import Matrix
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.reasons import strongest_causes
from churn_serving.configuration import ServedModel


class ScoringError(Exception):
    """A model gave something that is no probability."""


@dataclass(frozen=True)
class Words:
    """What is said about one probability."""

    prediction: bool
    confidence: Confidence
    risk_band: RiskBand
    threshold: float


class Speaker:
    """Puts a probability into words, by a model's threshold and base rate or by a threshold that the request names."""

    def __init__(self, threshold: float, base_rate: float) -> None:
        self.threshold = threshold
        self._base_rate = base_rate
        self._log_odds = log_odds_of_threshold(threshold)
        self._bands = risk_band_edges(threshold, base_rate)

    def words(self, probability: float) -> Words:
        """Return the words for a probability."""
        return Words(
            probability >= self.threshold,
            confidence_word(probability, self._log_odds),
            word_of(probability, self._bands),
            self.threshold,
        )

    def by(self, threshold: float | None) -> Speaker:
        """Return the speaker for another threshold."""
        return self if threshold is None else Speaker(threshold, self._base_rate)


class Scorer:
    """A model version in memory.

    Args:
        served: which version it is.
        model: loaded with one thread: parallelism is replicas.
        explainer: the same model once more, because reasons are made in another thread.
    """

    def __init__(self, served: ServedModel, model: ChurnModel, explainer: ChurnModel) -> None:
        self.served = served
        self._model = model
        self._explainer = explainer

    @property
    def features(self) -> tuple[ContractFeature, ...]:
        """The model's inputs in order."""
        return self._model.contract.features

    @cached_property
    def speaker(self) -> Speaker:
        """Words by the model's own threshold."""
        return Speaker(self._model.threshold, self._model.contract.base_rate)

    def probabilities(self, rows: Matrix) -> list[float]:
        """Return each row's calibrated probability.

        Raises:
            ScoringError: one is no number from 0 to 1.
        """
        found: list[float] = self._model.probabilities_of(rows).tolist()
        if not all(0.0 <= probability <= 1.0 for probability in found):  # not for NaN either
            raise ScoringError(f"version {self.served.version} gave a value that is no probability")
        return found

    def reasons(self, rows: Matrix) -> list[list[str]]:
        """Return each row's causes, the strongest first, as the batch gives them; about 4 ms a row."""
        return strongest_causes(self._explainer, self._explainer.contributions_of(np.ascontiguousarray(rows)))
