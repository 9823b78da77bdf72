"""Whether probabilities are true: means, expected calibration error, slope, and what chance alone would show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from churn_assets.learning.auc import NAN
from churn_assets.learning.curves import Points
from churn_assets.learning.inputs import Flags, Floats
from churn_assets.learning.logistic import fit_line, logit_of

_BINS = 20


@dataclass(frozen=True)
class Reliability:
    """Calibration on one month; NaN where it cannot be told.

    Attributes:
        mean_probability: mean of the probabilities.
        mean_error: standard error of the churn rate, were the probabilities true.
        ece: expected calibration error over 20 quantile bins: mean |mean probability - rate|, weighted by customers.
        ece_by_chance: what the ece would be on average, were the probabilities true.
        ece_error: its standard deviation then.
        slope: of the logistic line of the labels on the probabilities' logit; 1 is right, under 1 is too sure.
        slope_error: its standard error.
        intercept: of that line; 0 is right.
        points: per bin (mean probability, churn rate, customers).
    """

    mean_probability: float
    mean_error: float
    ece: float
    ece_by_chance: float
    ece_error: float
    slope: float
    slope_error: float
    intercept: float
    points: Points


def reliability_of(churned: Flags, probability: Floats) -> Reliability:
    """Compare probabilities with what happened."""
    if len(churned) == 0 or not np.isfinite(probability).all():
        return Reliability(NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, ())
    bins = _bins(churned, probability)
    share = bins[:, 2] / len(churned)
    slope, slope_error, intercept = _recalibration(churned, probability)
    return Reliability(
        mean_probability=float(probability.mean()),
        mean_error=math.sqrt(float((probability * (1.0 - probability)).sum())) / len(probability),
        ece=float((share * np.abs(bins[:, 0] - bins[:, 1])).sum()),
        # |normal| has the mean sd x sqrt(2 / pi) and the variance sd^2 x (1 - 2 / pi)
        ece_by_chance=float((share * bins[:, 3]).sum() * math.sqrt(2.0 / math.pi)),
        ece_error=float(np.sqrt(((share * bins[:, 3]) ** 2).sum() * (1.0 - 2.0 / math.pi))),
        slope=slope,
        slope_error=slope_error,
        intercept=intercept,
        points=tuple((float(mean), float(rate), float(count)) for mean, rate, count, _ in bins),
    )


def _bins(churned: Flags, probability: Floats) -> Floats:
    """Return per bin: mean probability, churn rate, customers, and the rate's standard error were the mean true.

    Bins are quantiles of the probability; equal probabilities share a bin, so there may be fewer than 20.
    """
    order = np.sort(probability)
    edges = np.unique(order[(np.arange(1, _BINS) * len(order)) // _BINS])
    place = np.searchsorted(edges, probability, side="right")
    count = np.bincount(place, minlength=len(edges) + 1).astype(np.float64)
    total = np.bincount(place, weights=probability, minlength=len(count))
    leaving = np.bincount(place, weights=churned.astype(np.float64), minlength=len(count))
    variance = np.bincount(place, weights=probability * (1.0 - probability), minlength=len(count))
    held = count > 0
    found = np.column_stack([total, leaving, count * count, np.sqrt(variance)])[held] / count[held, None]
    return np.asarray(found, dtype=np.float64)


def _recalibration(churned: Flags, probability: Floats) -> tuple[float, float, float]:
    """Return slope, its error, and intercept of the labels on the logit; NaN where no line fits."""
    try:
        line = fit_line(logit_of(probability), churned.astype(np.float64))
    except ValueError:
        return NAN, NAN, NAN
    return line.slope, line.slope_error, line.intercept
