"""From the trees' log-odds to probabilities that are true on a later month; kept as inert JSON.

The default is Platt's logistic line with two bends. A leaving state makes the truth flat at its top: above it the trees
still order customers, but nobody's risk is near 1. One straight line must miss that; in world A it told 2.7 points too
little for those who are contacted, so 4 % of the money, and a log loss 1.5 % higher. Platt's straight line and isotonic
steps are options; steps tie customers, and need thousands of churners.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from churn_assets.learning.errors import ModelError
from churn_assets.learning.inputs import Flags, Floats
from churn_assets.learning.logistic import fit_line, fit_weights, logit_of, probability_of

CalibrationMethod = Literal["bent", "platt", "isotonic"]
_BENDS = (-3.0, 0.0)  # probabilities of about .05 and .5: the risen base, and the top
_LEAST_BEYOND = 10  # churners above the upper bend and stayers above the lower one; fewer cannot show a bend


@dataclass(frozen=True)
class LogisticCalibration:
    """probability = logistic(intercept + a rising line through the margin, with a slope of its own between knots).

    Without knots it is Platt's calibration: logistic(slope x margin + intercept).

    Attributes:
        intercept: the logit where every stretch is 0.
        slopes: one per stretch, one more than knots; none is negative, so the order of customers is kept.
        knots: margins at which the slope changes, rising.
    """

    intercept: float
    slopes: tuple[float, ...]
    knots: tuple[float, ...] = ()
    method: Literal["logistic"] = "logistic"

    def apply(self, margins: Floats) -> Floats:
        """Return the probability of each margin (log-odds of the trees)."""
        logit = np.full_like(margins, self.intercept)
        for slope, stretch in zip(self.slopes, _stretches(margins, self.knots), strict=True):
            logit += slope * stretch
        return probability_of(logit)


@dataclass(frozen=True)
class IsotonicCalibration:
    """Linear between knots (margin, probability), flat outside them."""

    margins: tuple[float, ...]
    probabilities: tuple[float, ...]
    method: Literal["isotonic"] = "isotonic"

    def apply(self, margins: Floats) -> Floats:
        """Return the probability of each margin (log-odds of the trees)."""
        return np.interp(margins, self.margins, self.probabilities)


Calibration = LogisticCalibration | IsotonicCalibration


def fit_calibration(margins: Floats, churned: Flags, method: CalibrationMethod = "bent") -> Calibration:
    """Fit the calibration on a month that the trees have not seen.

    Raises:
        ValueError: the month has no churner, or nobody who stayed.
    """
    if churned.all() or not churned.any():
        raise ValueError(
            f"{int(churned.sum())} churners of {len(churned)} customers: calibration needs both classes"
        )
    if method == "isotonic":
        return _fit_isotonic(margins, churned)
    straight = _fit_platt(margins, churned)
    return _bent(straight, margins, churned) if method == "bent" else straight


def _stretches(margins: Floats, knots: tuple[float, ...]) -> list[Floats]:
    """Return how far each margin reaches into each stretch between knots; they sum to the margin less a constant."""
    if not knots:
        return [margins]
    inner = [np.clip(margins - low, 0.0, high - low) for low, high in pairwise(knots)]
    return [np.minimum(margins, knots[0]), *inner, np.maximum(margins - knots[-1], 0.0)]


def _platt_targets(churned: Flags) -> Floats:
    """Return Platt's targets, which keep a fit finite where the classes do not overlap (Platt 1999)."""
    churners, stayers = int(churned.sum()), int((~churned).sum())
    return np.where(churned, (churners + 1) / (churners + 2), 1 / (stayers + 2))


def _fit_platt(margins: Floats, churned: Flags) -> LogisticCalibration:
    """Fit one straight line; a flat one where the margins do not rise with churn.

    A falling line would turn the ranking upside down to hide that the trees are wrong.
    """
    flat = LogisticCalibration(float(logit_of(churned.mean(keepdims=True))[0]), (0.0,))
    if np.ptp(margins) == 0.0:
        return flat
    line = fit_line(margins, _platt_targets(churned))
    return LogisticCalibration(line.intercept, (line.slope,)) if line.slope > 0.0 else flat


def _bent(straight: LogisticCalibration, margins: Floats, churned: Flags) -> LogisticCalibration:
    """Let the line bend where it reaches the logits `_BENDS`; the straight one where too few customers lie beyond.

    A stretch whose slope would fall under a twentieth of the straight one's is held there and the others are fitted
    again: the truth may be flat, but customers keep their order.
    """
    (slope,) = straight.slopes
    if slope == 0.0:
        return straight
    knots = tuple((bend - straight.intercept) / slope for bend in _BENDS)
    if (
        min(int((churned & (margins > knots[-1])).sum()), int((~churned & (margins > knots[0])).sum()))
        < _LEAST_BEYOND
    ):
        return straight
    stretches, least = np.column_stack(_stretches(margins, knots)), slope / 20.0
    slopes, free = np.full(len(_BENDS) + 1, least), np.ones(len(_BENDS) + 1, dtype=np.bool_)
    intercept = straight.intercept
    while free.any():
        design = np.column_stack([stretches[:, free], np.ones_like(margins)])
        weights = fit_weights(design, _platt_targets(churned), stretches[:, ~free] @ slopes[~free])
        slopes[free], intercept = weights[:-1], float(weights[-1])
        held = free & (slopes < least)
        if not held.any():
            break
        slopes[held], free[held] = least, False
    return LogisticCalibration(intercept, tuple(slopes.tolist()), knots)


def _fit_isotonic(margins: Floats, churned: Flags) -> IsotonicCalibration:
    """Fit a rising step function (pool adjacent violators) and keep the ends of its steps.

    A step of pure churners or pure stayers would promise certainty; half a customer of the other class prevents it.
    """
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415  a second, which a scorer that starts has no use for

    knots, place, counts = np.unique(margins, return_inverse=True, return_counts=True)
    rate = np.bincount(place, weights=churned.astype(np.float64)) / counts
    steps = isotonic_regression(rate, sample_weight=counts.astype(np.float64))
    _, block = np.unique(steps, return_inverse=True)
    customers = np.bincount(block, weights=counts)[block]
    inside = np.clip(steps, 0.5 / (customers + 1.0), 1.0 - 0.5 / (customers + 1.0))
    rising = np.maximum.accumulate(inside)
    ends = np.r_[True, np.diff(block) > 0] | np.r_[np.diff(block) > 0, True]
    return IsotonicCalibration(tuple(knots[ends].tolist()), tuple(rising[ends].tolist()))


def calibration_to_json(calibration: Calibration) -> str:
    """Return the canonical document of a calibration."""
    return json.dumps(asdict(calibration), sort_keys=True, indent=1, allow_nan=False) + "\n"


def calibration_from_json(text: str) -> Calibration:
    """Read a document that `calibration_to_json` wrote.

    Raises:
        ModelError: the document is no calibration.
    """
    try:
        return _calibration_of(json.loads(text))
    except (KeyError, TypeError, ValueError) as problem:
        raise ModelError(
            f"calibration.json is no calibration ({problem}): take the folder from the registry again"
        ) from problem


def _calibration_of(document: dict[str, Any]) -> Calibration:
    """Return the calibration, checked to be finite and rising.

    Raises:
        ValueError: the numbers are no rising curve.
    """
    if document["method"] == "logistic":
        line = LogisticCalibration(
            float(document["intercept"]), _numbers(document["slopes"]), _numbers(document["knots"])
        )
        whole = len(line.slopes) == len(line.knots) + 1 and min(line.slopes) >= 0.0
        if not whole or not _rises(line.knots) or not math.isfinite(line.intercept):
            raise ValueError("its line is not a rising one")
        return line
    if document["method"] != "isotonic":
        raise ValueError(f"unknown method {document['method']}")
    steps = IsotonicCalibration(_numbers(document["margins"]), _numbers(document["probabilities"]))
    ends = steps.probabilities
    if len(ends) != len(steps.margins) or not _rises(steps.margins) or list(ends) != sorted(ends):
        raise ValueError("its knots are not a rising curve")
    if not ends or not 0.0 <= ends[0] <= ends[-1] <= 1.0:
        raise ValueError("its ends are no probabilities")
    return steps


def _numbers(values: list[Any]) -> tuple[float, ...]:
    """Return a list of JSON as finite numbers.

    Raises:
        ValueError: one is infinite or no number.
    """
    found = tuple(float(value) for value in values)
    if not all(map(math.isfinite, found)):
        raise ValueError("a number is not finite")
    return found


def _rises(values: tuple[float, ...]) -> bool:
    """Return whether each value is greater than the one before."""
    return all(low < high for low, high in pairwise(values))
