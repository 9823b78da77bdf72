"""The logistic curve, and its fit by maximum likelihood, which calibration and the check of it share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_assets.learning.inputs import Floats

_SMALLEST = 1e-12
_STEPS = 100
_HALVINGS = 30


def probability_of(logit: Floats) -> Floats:
    """Return the probability of a logit, 0 to 1.

    >>> float(probability_of(np.array([0.0]))[0])
    0.5
    """
    # exp of a negative number never overflows; the two halves are the same curve
    small = np.exp(-np.abs(logit))
    return np.where(logit >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def logit_of(probability: Floats) -> Floats:
    """Return the logit of a probability; 0 and 1 are taken as 1e-12 away from the edge."""
    inside = np.clip(probability, _SMALLEST, 1.0 - _SMALLEST)
    return np.log(inside) - np.log1p(-inside)


@dataclass(frozen=True)
class Line:
    """A fitted logit = slope x score + intercept, and the standard error of the slope."""

    slope: float
    intercept: float
    slope_error: float


def fit_line(score: Floats, target: Floats) -> Line:
    """Fit logit P(target) = slope x score + intercept by maximum likelihood.

    Args:
        score: one finite number per row.
        target: 0 to 1 per row; fractions are allowed, Platt's targets are such.

    Raises:
        ValueError: the scores do not vary, or the likelihood has no maximum.
    """
    design = np.column_stack([score, np.ones_like(score)])
    weights = fit_weights(design, target, np.zeros_like(score))
    covariance = np.linalg.inv(_information(design, probability_of(design @ weights)))
    return Line(float(weights[0]), float(weights[1]), float(np.sqrt(covariance[0, 0])))


def fit_weights(design: Floats, target: Floats, offset: Floats) -> Floats:
    """Return the weights of logit P(target) = offset + design x weights (Newton's method with halved steps).

    Args:
        design: a row per customer, a column per weight; the last column is 1.
        target: 0 to 1 per row.
        offset: the part of the logit that is fixed.

    Raises:
        ValueError: a column does not vary, or the likelihood has no maximum.
    """
    rate = np.clip(target.mean(keepdims=True), _SMALLEST, 1 - _SMALLEST)
    weights = np.zeros(design.shape[1])
    weights[-1] = logit_of(rate)[0]
    loss = _loss(offset + design @ weights, target)
    for _ in range(_STEPS):
        fitted = probability_of(offset + design @ weights)
        step = np.linalg.solve(_information(design, fitted), design.T @ (target - fitted))
        for halving in range(_HALVINGS):
            candidate = weights + step * 0.5**halving
            lower = _loss(offset + design @ candidate, target)
            if lower <= loss:
                break
        else:
            return weights
        weights, gained, loss = candidate, loss - lower, lower
        if gained < 1e-12 * max(1.0, abs(loss)):
            return weights
    raise ValueError("the logistic fit did not settle: the scores separate the classes without an overlap")


def _loss(logit: Floats, target: Floats) -> float:
    """Return the summed log loss."""
    return float((np.logaddexp(0.0, logit) - target * logit).sum())


def _information(design: Floats, fitted: Floats) -> Floats:
    """Return Fisher's information of the weights.

    Raises:
        ValueError: the scores carry no information.
    """
    information: Floats = (design * (fitted * (1.0 - fitted))[:, None]).T @ design
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
        raise ValueError("no logistic curve fits: the scores do not vary, or one class is empty")
    return information
