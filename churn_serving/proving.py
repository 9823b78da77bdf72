"""A model is proven before it may answer: its bytes, its contract, and its scores on golden rows.

Golden rows are customers of the online store's snapshot whose batch scores are stored with it; the very model that made
those must make them again to 1e-6. For another model, and where no snapshot is there, the scores must at least be
probabilities and must tell customers apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.errors import ModelError
from churn_assets.learning.inputs import Matrix
from churn_assets.learning.model import ChurnModel
from churn_serving.configuration import ServedModel
from churn_serving.inputs import InputsError, StoredColumn, StoreInputs
from churn_serving.scorer import Scorer, ScoringError

PARITY = 1e-6
_SYNTHETIC_ROWS = 64
_SEED = 20_251


class RefusedModel(Exception):  # noqa: N818  it is the model that is refused
    """A model that must not answer; the sentence says why and what to do."""


class UnfitSnapshot(RefusedModel):
    """The model may be good, but reads what the snapshot of the online store does not hold."""


@dataclass(frozen=True)
class GoldenRows:
    """Rows of a snapshot with the batch's scores.

    Attributes:
        columns: the snapshot's columns.
        rows: the golden customers, encoded as the snapshot encodes.
        model_digest: the model that made the scores.
        probabilities: its scores.
    """

    columns: Sequence[StoredColumn]
    rows: Matrix
    model_digest: str
    probabilities: Sequence[float]


def load_proven(folder: Path, served: ServedModel, golden: GoldenRows | None) -> Scorer:
    """Load a model's folder and prove it.

    Raises:
        RefusedModel: a file is missing or edited, the contract does not fit, or the scores are not right.
    """
    try:
        model, explainer = (ChurnModel.load(folder, served.digest, threads=1) for _ in range(2))
        scorer = Scorer(served, model, explainer)
        prove(scorer, golden)
    except InputsError as problem:
        raise UnfitSnapshot(f"version {served.version} is not served: {problem}") from problem
    except (ModelError, ScoringError, OSError) as problem:
        raise RefusedModel(f"version {served.version} is not served: {problem}") from problem
    return scorer


def prove(scorer: Scorer, golden: GoldenRows | None) -> None:
    """Score golden rows and look at the scores.

    Raises:
        InputsError: the snapshot lacks a feature of the model.
        ScoringError: a score is no probability, all are the same, or they are not the batch's.
    """
    rows = _synthetic(scorer.features)
    if golden is not None:
        real = StoreInputs(golden.columns, scorer.features).rows(golden.rows)
        rows = real if len(real) > 1 else np.concatenate([real, rows])  # one customer tells nobody apart
    found = np.array(scorer.probabilities(rows))
    if np.ptp(found) == 0.0:
        raise ScoringError(
            f"it scores {len(found)} different customers all the same: it has learned nothing, train it again"
        )
    if golden is not None and golden.model_digest == scorer.served.digest:
        again = found[: len(golden.probabilities)]
        worst = float(np.abs(again - np.array(golden.probabilities)).max(initial=0.0))
        if worst > PARITY:
            raise ScoringError(
                f"it scores golden customers otherwise than the batch did (by up to {worst:.2g}): "
                "score the month again with this model, or look for another version of a library"
            )


def _synthetic(features: Sequence[ContractFeature]) -> Matrix:
    """Return rows that no customer has: numbers over several orders of magnitude within their bounds, any category."""
    draws = np.random.default_rng(_SEED)
    rows = np.empty((_SYNTHETIC_ROWS, len(features)), dtype=np.float32)
    for place, feature in enumerate(features):
        if feature.kind == "category":
            rows[:, place] = draws.integers(0, max(len(feature.vocabulary), 1), _SYNTHETIC_ROWS)
        else:
            low, high = feature.minimum or 0.0, 1e3 if feature.maximum is None else feature.maximum
            rows[:, place] = low + (high - low) * draws.random(_SYNTHETIC_ROWS) ** 4
    return rows
