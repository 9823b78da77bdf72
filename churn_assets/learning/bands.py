"""Words for a probability: the band of the risk, and how sure the prediction is.

Each word is a table of edges; a batch reads it as an expression, a server for one number, and so they cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeVar, get_args

import polars as pl

RiskBand = Literal["low", "medium", "high", "critical"]
Confidence = Literal["low", "medium", "high"]
Word = TypeVar("Word", bound=str)
RISK_BANDS: tuple[RiskBand, ...] = get_args(RiskBand)
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
_SURE, _FAIRLY_SURE = 3.0, 1.5

Edges = Sequence[tuple[float, Word]]
"""A word and the least value that it needs; the first that fits is taken, the last one needs none."""


def risk_band_edges(threshold: float, base_rate: float) -> Edges[RiskBand]:
    """Return the bands: `high` and `critical` are the customers who are predicted to churn.

    low: below the base rate, so less at risk than the average customer; medium: from there to the threshold;
    high: at or above the threshold; critical: nearer to certainty than to the threshold, at or above (1 + threshold) / 2.
    """
    return (
        ((1.0 + threshold) / 2.0, "critical"),
        (threshold, "high"),
        (base_rate, "medium"),
        (-math.inf, "low"),
    )


CONFIDENCE_EDGES: Edges[Confidence] = (
    (math.log(_SURE), "high"),
    (math.log(_FAIRLY_SURE), "medium"),
    (-math.inf, "low"),
)
"""By how far the calibrated log-odds lie from the threshold's, on either side.

high: the odds differ by a factor of 3 or more; medium: of 1.5 or more; low: nearer, so little more would turn the prediction.
"""


def log_odds_of_threshold(threshold: float) -> float:
    """Return the threshold's log-odds; one of 0 or 1 has none and is taken a billionth inside."""
    inside = min(max(threshold, 1e-9), 1.0 - 1e-9)
    return math.log(inside) - math.log1p(-inside)


def word_of(value: float, edges: Edges[Word]) -> Word:
    """Return the word of one value."""
    return next(word for least, word in edges if value >= least)


def risk_band_of(probability: pl.Expr, threshold: float, base_rate: float) -> pl.Expr:
    """Return the band of the risk of each customer."""
    return _words(probability, risk_band_edges(threshold, base_rate))


def confidence_of(probability: pl.Expr, threshold: float) -> pl.Expr:
    """Return how sure the prediction of each customer is."""
    distance = (probability.log() - (1.0 - probability).log() - log_odds_of_threshold(threshold)).abs()
    return _words(distance, CONFIDENCE_EDGES)


def _words(value: pl.Expr, edges: Edges[Word]) -> pl.Expr:
    *named, (_, otherwise) = edges
    (least, word), *rest = named
    chosen: pl.expr.whenthen.Then | pl.expr.whenthen.ChainedThen = pl.when(value >= least).then(pl.lit(word))
    for edge, name in rest:
        chosen = chosen.when(value >= edge).then(pl.lit(name))
    return chosen.otherwise(pl.lit(otherwise))


def confidence_word(probability: float, edge: float) -> Confidence:
    """Return how sure one prediction is.

    Args:
        probability: the calibrated probability.
        edge: the threshold's log-odds (`log_odds_of_threshold`).
    """
    if probability <= 0.0 or probability >= 1.0:
        return CONFIDENCES[-1]
    return word_of(abs(math.log(probability) - math.log(1.0 - probability) - edge), CONFIDENCE_EDGES)
