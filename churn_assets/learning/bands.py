"""Words for a probability: the band of the risk, and how sure the prediction is."""

from __future__ import annotations

import math

import polars as pl

RISK_BANDS = ("low", "medium", "high", "critical")
CONFIDENCES = ("low", "medium", "high")


def risk_band_of(probability: pl.Expr, threshold: float, base_rate: float) -> pl.Expr:
    """Return the band: `high` and `critical` are the customers who are predicted to churn.

    low: below the base rate, so less at risk than the average customer; medium: from there to the threshold;
    high: at or above the threshold; critical: nearer to certainty than to the threshold, at or above (1 + threshold) / 2.
    """
    return (
        pl.when(probability >= (1.0 + threshold) / 2.0)
        .then(pl.lit("critical"))
        .when(probability >= threshold)
        .then(pl.lit("high"))
        .when(probability >= base_rate)
        .then(pl.lit("medium"))
        .otherwise(pl.lit("low"))
    )


def confidence_of(probability: pl.Expr, threshold: float) -> pl.Expr:
    """Return how far the calibrated odds lie from the threshold's odds, on either side.

    high: by a factor of 3 or more; medium: of 1.5 or more; low: nearer, so little more would turn the prediction.
    """
    inside = min(max(threshold, 1e-9), 1.0 - 1e-9)  # a threshold of 0 or 1 has no odds
    edge = math.log(inside) - math.log1p(-inside)
    distance = (probability.log() - (1.0 - probability).log() - edge).abs()
    return (
        pl.when(distance >= math.log(3.0))
        .then(pl.lit("high"))
        .when(distance >= math.log(1.5))
        .then(pl.lit("medium"))
        .otherwise(pl.lit("low"))
    )
