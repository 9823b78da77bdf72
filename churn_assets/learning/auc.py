"""The area under the ROC curve, its sampling error, and the paired comparison of two models (DeLong et al. 1988).

By midranks after Sun and Xu (2014), so that 2 million customers take seconds; the test compares with the quadratic
definition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from churn_assets.learning.inputs import Flags, Floats

NAN = float("nan")
_NORMAL = NormalDist()
_TWO_SIDED_95 = _NORMAL.inv_cdf(0.975)


@dataclass(frozen=True)
class Auc:
    """An area with its standard error and 95 % interval; all NaN where a class is empty."""

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A challenger against a champion on the same customers.

    Attributes:
        customers: how many both have scored.
        churners: how many of them left.
        challenger_auc: area of the challenger.
        champion_auc: area of the champion.
        difference: challenger minus champion.
        error: standard error of the difference, paired.
        low: lower end of the difference's 95 % interval.
        high: upper end.
        p_value: two-sided, of no difference.
    """

    customers: int
    churners: int
    challenger_auc: float
    champion_auc: float
    difference: float
    error: float
    low: float
    high: float
    p_value: float


def midranks(values: Floats) -> Floats:
    """Return the rank of each value from 1, equal values sharing their mean rank.

    >>> midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[place]


def auc_of(churned: Flags, score: Floats) -> Auc:
    """Return the area with its 95 % interval."""
    if churned.all() or not churned.any() or not np.isfinite(score).all():
        return Auc(NAN, NAN, NAN, NAN)
    among_churners, among_stayers = _components(churned, score)
    value = float(among_churners.mean())
    error = math.sqrt(_variance(among_churners) + _variance(among_stayers))
    return Auc(value, error, max(value - _TWO_SIDED_95 * error, 0.0), min(value + _TWO_SIDED_95 * error, 1.0))


def compare_auc(churned: Flags, challenger: Floats, champion: Floats) -> Comparison:
    """Compare two models that have scored the same customers in the same order.

    Without a difference in any rank the p-value is 1; without both classes everything is NaN.

    Raises:
        ValueError: the three arrays have not one entry per customer each.
    """
    if not len(churned) == len(challenger) == len(champion):
        raise ValueError(
            f"{len(churned)} labels, {len(challenger)} and {len(champion)} scores: score the same customers with both models"
        )
    one, other = auc_of(churned, challenger), auc_of(churned, champion)
    difference = one.value - other.value
    counts = len(churned), int(churned.sum())
    if math.isnan(difference):
        return Comparison(*counts, one.value, other.value, NAN, NAN, NAN, NAN, NAN)
    churners = np.subtract(*(_components(churned, score)[0] for score in (challenger, champion)))
    stayers = np.subtract(*(_components(churned, score)[1] for score in (challenger, champion)))
    error = math.sqrt(_variance(churners) + _variance(stayers))
    low, high = difference - _TWO_SIDED_95 * error, difference + _TWO_SIDED_95 * error
    return Comparison(
        *counts, one.value, other.value, difference, error, low, high, _p_value(difference, error)
    )


def _components(churned: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Return per churner the share of stayers below, and per stayer the share of churners above (ties count half)."""
    ranks = midranks(score)
    above, below = score[churned], score[~churned]
    return (ranks[churned] - midranks(above)) / len(below), 1.0 - (ranks[~churned] - midranks(below)) / len(
        above
    )


def _variance(components: Floats) -> float:
    """Return the variance of the components' mean; NaN for a single one."""
    return float(components.var(ddof=1)) / len(components) if len(components) > 1 else NAN


def _p_value(difference: float, error: float) -> float:
    """Return the two-sided p-value of a normal statistic."""
    if error == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return math.erfc(abs(difference) / error / math.sqrt(2.0))
