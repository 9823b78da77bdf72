"""The hazard: credible causes added up, then mapped so that its logit is normal among the customers who are not leaving.

The causes fix the order of the customers, the world the distribution: a score of known parts is mapped by its own
quantiles onto Normal(logit of the base hazard, base spread), month by month.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from churn_assets.simulator.customers import (
    LOG_PRICE_MEAN,
    LOG_PRICE_SPREAD,
    MONTHLY,
    Customers,
    payment_method,
    usage_level,
)
from churn_assets.simulator.draws import Array, Floats, Trait, normal_trait, uniform_trait
from churn_assets.simulator.worlds import World

_FARTHEST_END = 6  # months to the contract's end from which on the contract weighs the same
_LONGEST_LAPSE = 4
_CONTRACT_BY_MONTHS_LEFT = (
    1.0,
    1.1,
    1.3,
    1.4,
    1.3,
    0.0,
    -0.6,
    -0.8,
    -0.9,
    -0.95,
    -1.0,
)  # from -4 to 6 months
_NO_CONTRACT = 0.7
_TENURE_WEIGHT, _TENURE_MONTHS, _LONGEST_TENURE = 0.5, 4.0, 60
_PRICE_WEIGHT = 0.5
_RISE_WEIGHT, _RISE_MONTHS = 2.5, 9
_ENGAGEMENT_WEIGHT = -0.4
USAGE_IN_ENGAGEMENT, SATISFACTION_IN_ENGAGEMENT = np.float32(0.9), np.float32(0.35)
_NETWORK_WEIGHT = -0.1
_PAYMENT = np.array([-0.25, 0.0, 0.25, 0.45], dtype=np.float32)  # of PAYMENT_METHODS
_AGE = np.array([0.16, 0.08, 0.0, -0.06, -0.14], dtype=np.float32)  # of AGE_GROUPS
_REGION = np.array([-0.06, -0.03, 0.0, 0.06, 0.08], dtype=np.float32)  # of REGIONS
_SEASON = (
    0.02,
    0.0,
    -0.01,
    0.0,
    0.0,
    0.01,
    0.02,
    0.04,
    -0.01,
    -0.02,
    -0.01,
    -0.04,
)  # logit, January to December
_QUANTILES = 513
_GRID_CELLS = 4_096


def age_group(keys: Array) -> Array:
    """Return the index into the age groups."""
    edges = np.array([0.12, 0.31, 0.60, 0.84], dtype=np.float32)
    return np.searchsorted(edges, uniform_trait(keys, Trait.AGE), side="right")


def region(keys: Array) -> Array:
    """Return the index into the regions."""
    edges = np.array([0.27, 0.46, 0.66, 0.89], dtype=np.float32)
    return np.searchsorted(edges, uniform_trait(keys, Trait.REGION), side="right")


def engagement(usage: Floats, satisfaction: Floats) -> Floats:
    """Return how much the customer lives with the operator: it moves the data, the calls and the hazard."""
    return USAGE_IN_ENGAGEMENT * usage + SATISFACTION_IN_ENGAGEMENT * satisfaction


def lasting_part(keys: Array, world: World) -> Floats:
    """Return the part of the score that never changes for a customer."""
    sensitive = _AGE[age_group(keys)] + _REGION[region(keys)]
    usage = np.float32(_ENGAGEMENT_WEIGHT) * USAGE_IN_ENGAGEMENT * usage_level(keys)
    network = np.float32(_NETWORK_WEIGHT) * normal_trait(keys, Trait.NETWORK)
    part: Floats = _PAYMENT[payment_method(keys)] + usage + network
    part += np.float32(world.sensitive_weight) * sensitive
    return part


def score(people: Customers, lasting: Floats, month: int) -> Floats:
    """Return the sum of the causes at the snapshot of a month, in arbitrary units."""
    total = lasting + _contract_part(people, month)
    total += np.float32(_PRICE_WEIGHT / LOG_PRICE_SPREAD) * (
        np.log(people.price) - np.float32(LOG_PRICE_MEAN)
    )
    total += np.float32(_ENGAGEMENT_WEIGHT) * SATISFACTION_IN_ENGAGEMENT * people.satisfaction
    tenure = np.exp(-np.arange(_LONGEST_TENURE + 1) / _TENURE_MONTHS).astype(np.float32)
    total += np.float32(_TENURE_WEIGHT) * tenure[np.minimum(month - people.joined, _LONGEST_TENURE)]
    recent = np.flatnonzero(people.changed > month - _RISE_MONTHS)
    rise = people.price[recent] / people.previous_price[recent] - 1
    fading = 1 - (month - people.changed[recent]).astype(np.float32) / _RISE_MONTHS
    total[recent] += np.float32(_RISE_WEIGHT) * rise * fading
    return total.astype(np.float32, copy=False)


def _contract_part(people: Customers, month: int) -> Floats:
    """Return what the contract's remaining months do: they bind, and their end opens the door for some months."""
    months_left = people.contract_end - np.int16(month)  # far above all others without an end
    place = np.clip(months_left, -_LONGEST_LAPSE, _FARTHEST_END + 1) + _LONGEST_LAPSE
    by_place = np.array([*_CONTRACT_BY_MONTHS_LEFT, *_CONTRACT_BY_MONTHS_LEFT[-1:]], dtype=np.float32)
    part: Floats = by_place[place]
    part[people.contract == MONTHLY] = _NO_CONTRACT
    return part


@dataclass(frozen=True)
class Standardisation:
    """A map from scores to standard normal numbers, as a table over evenly spaced scores."""

    lowest: float
    cells_per_unit: float
    table: Floats

    @classmethod
    def fitted(cls, sample: Floats) -> Standardisation:
        """Fit the map to a sample of scores: its quantiles become the normal distribution's."""
        ordered = np.sort(sample)
        farthest = -NormalDist().inv_cdf(0.5 / max(len(ordered), 2))
        normal = np.linspace(-farthest, farthest, _QUANTILES)
        shares = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in normal])
        places = np.arange(len(ordered), dtype=np.float64) + 0.5
        quantiles = np.interp(shares * len(ordered), places, ordered)
        lowest, highest = float(ordered[0]), float(ordered[-1])
        width = max(highest - lowest, 1e-6)
        grid = lowest + width * np.arange(_GRID_CELLS + 1) / _GRID_CELLS
        return cls(lowest, _GRID_CELLS / width, np.interp(grid, quantiles, normal).astype(np.float32))

    def apply(self, scores: Floats) -> Floats:
        """Return the standard normal number of each score."""
        place: Floats = (scores - np.float32(self.lowest)) * np.float32(self.cells_per_unit)
        np.clip(place, 0, _GRID_CELLS - 0.001, out=place)
        cell = place.astype(np.int16)
        place -= cell
        left = self.table[cell]
        place *= self.table[cell + np.int16(1)] - left
        place += left
        return place


def season(month_number: int) -> float:
    """Return what the month of the year adds to the logit of the base hazard; it sums to zero over a year."""
    return _SEASON[month_number - 1]


def logit(probability: float) -> float:
    """Return the log odds."""
    return math.log(probability / (1 - probability))


def sigmoid(logits: Array) -> Floats:
    """Return the probabilities of log odds."""
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def mean_probability(median: float, spread: float, shift: float = 0.0) -> float:
    """Return the mean of a probability whose logit is normal (Gauss and Hermite)."""
    points, weights = _quadrature()
    return float(
        np.sum(weights / (1 + np.exp(-(logit(median) + shift + spread * points)))) / math.sqrt(2 * math.pi)
    )


@functools.cache
def _quadrature() -> tuple[Array, Array]:
    """Return the points and weights of Gauss and Hermite, which cost more than all that is done with them."""
    points, weights = np.polynomial.hermite_e.hermegauss(64)
    return points, weights
