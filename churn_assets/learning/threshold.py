"""Where to draw the line between contacting and leaving alone: fixed on the calibration month, before the hold-out.

Two policies. `room_above_floors`: the gates demand a recall and a precision at the threshold, month after month, and
each month draws its own luck; so the threshold is put where the nearer of the two floors is farthest away, counted in
standard errors. Counts are the expected ones under the calibrated probabilities: a sum over all customers, and smoother
than which of 550 churners happened to leave. `break_even`: where every threshold misses a floor by more than chance,
the gates will fail whatever is done, and the honest threshold is the one where a contact pays for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from churn_assets.domain.economics import Economics
from churn_assets.learning.inputs import Floats

ThresholdPolicy = Literal["room_above_floors", "break_even"]

_OUT_OF_REACH = -2.0  # standard errors by which the nearer floor is missed at best: chance rarely mends more


@dataclass(frozen=True)
class Floors:
    """What the gates will demand at the threshold, as shares."""

    recall: float = 0.65
    precision: float = 0.60


@dataclass(frozen=True)
class Threshold:
    """The line, and what it promises on the month that it was drawn on.

    Attributes:
        value: a calibrated probability at or above it predicts churn.
        policy: how it was chosen.
        expected_recall: of the churners that the probabilities expect, the share at or above it; NaN without any.
        expected_precision: mean probability of the customers at or above it; NaN without any.
        room: distance to the nearer floor in standard errors; negative where a floor is missed, NaN without contacts.
    """

    value: float
    policy: ThresholdPolicy
    expected_recall: float
    expected_precision: float
    room: float


def choose_threshold(probabilities: Floats, economics: Economics, floors: Floors | None = None) -> Threshold:
    """Choose the threshold from the calibrated probabilities of the calibration month.

    Args:
        probabilities: one per customer, calibrated on the same month.
        economics: cost and worth of a contact.
        floors: the recall and precision that the gates will demand.

    Raises:
        ValueError: there are no customers.
    """
    if len(probabilities) == 0:
        raise ValueError("the calibration month has no customers: no threshold can be chosen")
    floors = floors or Floors()
    cuts, recall, precision, room = _rooms(probabilities, floors)
    best = int(np.argmax(room))
    if room[best] > _OUT_OF_REACH:
        return Threshold(_between(cuts, best), "room_above_floors", recall[best], precision[best], room[best])
    value = min(economics.break_even_probability, 1.0)  # nobody's probability is above 1
    contacted = cuts >= value
    if not contacted.any():
        return Threshold(value, "break_even", 0.0, float("nan"), float("nan"))
    last = int(np.flatnonzero(contacted)[-1])
    return Threshold(value, "break_even", recall[last], precision[last], room[last])


def _rooms(probabilities: Floats, floors: Floors) -> tuple[Floats, Floats, Floats, Floats]:
    """Return each possible cut, falling, with its expected recall and precision and its room above the floors."""
    falling = np.sort(probabilities)[::-1]
    ends = np.r_[np.flatnonzero(np.diff(falling) < 0), len(falling) - 1]
    contacts = ends + 1.0
    found, churners = np.cumsum(falling)[ends], max(float(falling.sum()), 1e-9)
    recall, precision = found / churners, found / contacts
    # half a churner more and less keeps the errors above zero at the ends
    recall_error = np.sqrt((found + 0.5) * (churners - found + 0.5)) / churners**1.5
    precision_error = np.sqrt((found + 0.5) * (contacts - found + 0.5)) / contacts**1.5
    room = np.minimum(
        (recall - floors.recall) / recall_error, (precision - floors.precision) / precision_error
    )
    return falling[ends], recall, precision, room


def _between(cuts: Floats, place: int) -> float:
    """Return the middle between a cut and the next lower one: the same contacts, and no customer on the line."""
    lower = cuts[place + 1] if place + 1 < len(cuts) else 0.0
    return float((cuts[place] + lower) / 2.0)
