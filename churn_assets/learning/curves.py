"""Points to plot: ROC, precision and recall, lift, and the histogram of scores; and the average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_assets.learning.auc import NAN
from churn_assets.learning.inputs import Flags, Floats

Points = tuple[tuple[float, ...], ...]
_MOST_POINTS = 200
_HISTOGRAM_BINS = 50


@dataclass(frozen=True)
class Ranking:
    """How many churners and stayers lie at or above each distinct score, from the greatest score down."""

    scores: Floats
    churners: Floats
    stayers: Floats

    @classmethod
    def of(cls, churned: Flags, score: Floats) -> Ranking:
        """Rank the customers; equal scores are one step."""
        order = np.argsort(-score, kind="stable")
        falling = score[order]
        ends = (
            np.flatnonzero(np.r_[np.diff(falling) != 0, True])
            if len(falling)
            else np.empty(0, dtype=np.int64)
        )
        churners = np.cumsum(churned[order].astype(np.float64))[ends]
        return cls(falling[ends], churners, ends + 1.0 - churners)


def average_precision(ranking: Ranking) -> float:
    """Return the area under the precision-recall steps; NaN without a churner."""
    if len(ranking.scores) == 0 or ranking.churners[-1] == 0:
        return NAN
    precision = ranking.churners / (ranking.churners + ranking.stayers)
    return float((np.diff(ranking.churners, prepend=0.0) * precision).sum() / ranking.churners[-1])


def roc_points(ranking: Ranking) -> Points:
    """Return at most 201 points (false positive rate, recall), from (0, 0) to (1, 1); none where a class is empty."""
    if _one_class(ranking):
        return ()
    recall, false = ranking.churners / ranking.churners[-1], ranking.stayers / ranking.stayers[-1]
    chosen = _spread(recall + false)
    return ((0.0, 0.0), *zip(false[chosen].tolist(), recall[chosen].tolist(), strict=True))


def precision_recall_points(ranking: Ranking) -> Points:
    """Return at most 200 points (recall, precision, threshold), recall rising; none where a class is empty."""
    if _one_class(ranking):
        return ()
    recall = ranking.churners / ranking.churners[-1]
    precision = ranking.churners / (ranking.churners + ranking.stayers)
    chosen = _spread(recall)
    return tuple(
        zip(recall[chosen].tolist(), precision[chosen].tolist(), ranking.scores[chosen].tolist(), strict=True)
    )


def lift_by_decile(churned: Flags, score: Floats) -> tuple[float, ...]:
    """Return the churn rate of each tenth of the customers over the overall rate, the highest scores first.

    Equal scores share the mean of their churn, so that the order of the rows does not matter. Empty without churners,
    or under ten customers.
    """
    if len(churned) < 10 or not churned.any():
        return ()
    _, place = np.unique(score, return_inverse=True)
    mean = np.bincount(place, weights=churned.astype(np.float64)) / np.bincount(place)
    falling = mean[place][np.argsort(-score, kind="stable")]
    rate = float(churned.mean())
    return tuple(float(tenth.mean()) / rate for tenth in np.array_split(falling, 10))


def score_histogram(churned: Flags, probability: Floats) -> Points:
    """Return per bin of 0.02 its lower edge and the numbers of stayers and churners in it."""
    edges = np.linspace(0.0, 1.0, _HISTOGRAM_BINS + 1)
    stayers, churners = (np.histogram(probability[chosen], edges)[0] for chosen in (~churned, churned))
    return tuple(
        (float(edge), float(stay), float(leave))
        for edge, stay, leave in zip(edges[:-1], stayers, churners, strict=True)
    )


def _one_class(ranking: Ranking) -> bool:
    """Return whether churners or stayers are missing."""
    return len(ranking.scores) == 0 or ranking.churners[-1] == 0 or ranking.stayers[-1] == 0


def _spread(position: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the places of at most 200 points, evenly along a rising position, the last among them."""
    wanted = np.linspace(position[0], position[-1], _MOST_POINTS)
    return np.unique(np.minimum(np.searchsorted(position, wanted), len(position) - 1))
