"""Effect sizes of drift, and what chance alone makes of them. NumPy on counts and sorted values.

At two million rows every p-value is zero, so drift is judged by how far a distribution moved. In small
samples the same measures are above zero by chance: what chance explains is known in closed form and taken
off.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

SKETCH_SIZE = 200
"""Groups of equal weight that describe a distribution."""
_BEYOND_CHANCE = 3.3
"""Standard deviations that chance exceeds in one of 2,000 looks."""
_HALF_NORMAL = 4.4
"""Multiple of its mean that a half-normal number exceeds in one of 2,000 looks."""


def population_stability(reference: Counts, current: Counts) -> float:
    """Return the population stability index of two counts over the same bins: sum of (q - p) ln(q / p).

    Half a row is added to each bin, so that an empty bin is no infinity. Zero where the shares are equal.
    """
    seen = (reference + current) > 0
    p, q = _smoothed(reference[seen]), _smoothed(current[seen])
    return float(np.sum((q - p) * np.log(q / p)))


def stability_beyond_chance(reference: Counts, current: Counts) -> float:
    """Return the index less its mean under no drift, or 0 where chance alone explains it.

    Without drift the index is distributed as (1/n + 1/m) chi-square with k - 1 degrees of freedom, so its
    mean is (k - 1)(1/n + 1/m). The upper bound of chance is Wilson and Hilferty's approximation of the
    chi-square quantile.
    """
    n, m = int(reference.sum()), int(current.sum())
    freedom = int(np.count_nonzero(reference + current)) - 1
    if n == 0 or m == 0 or freedom < 1:
        return 0.0
    scale = 1 / n + 1 / m
    spread = 2 / (9 * freedom)
    chance = scale * freedom * (1 - spread + _BEYOND_CHANCE * math.sqrt(spread)) ** 3
    found = population_stability(reference, current)
    return max(found - scale * freedom, 0.0) if found > chance else 0.0


def sketch(sorted_values: Floats) -> Floats:
    """Return the means of `SKETCH_SIZE` groups of equal weight, in order; every value has its part in them.

    Raises:
        ValueError: there is no value.
    """
    if sorted_values.size == 0:
        raise ValueError("a distribution without values has no sketch")
    summed = np.concatenate(([0.0], np.cumsum(sorted_values)))
    edges = np.linspace(0, sorted_values.size, SKETCH_SIZE + 1)
    means = np.diff(np.interp(edges, np.arange(summed.size), summed)) * SKETCH_SIZE / sorted_values.size
    return np.clip(means, sorted_values[0], sorted_values[-1])  # rounding must not leave the range


def wasserstein(reference: Floats, current: Floats) -> float:
    """Return the Wasserstein-1 distance of two sketches, in the values' unit.

    It is the mean distance of the quantile functions: that of all rows, but where the two cross within a
    group.
    """
    return float(np.mean(np.abs(reference - current)))


def wasserstein_beyond_chance(reference: Floats, current: Floats, n: int, m: int) -> float:
    """Return the distance beyond its mean under no drift, or 0 where chance alone explains it.

    Without drift the mean is sqrt(2/pi) sqrt(1/n + 1/m) times the integral of sqrt(F (1 - F)) (the L1 norm
    of a Brownian bridge). Its spread is widest where all values are one of two: then it is half-normal, and
    that bounds what chance may reach. Distances of chance and of drift add up as squares.
    """
    found = wasserstein(reference, current)
    shares = np.arange(1, SKETCH_SIZE) / SKETCH_SIZE
    spread = float(np.sum(np.sqrt(shares * (1 - shares)) * np.diff(reference)))
    mean = math.sqrt(2 / math.pi * (1 / n + 1 / m)) * spread
    if found <= mean * _HALF_NORMAL:
        return 0.0
    return math.sqrt(found**2 - mean**2)


def mean_change_beyond_chance(change: float, deviation: float, n: int, m: int) -> float:
    """Return the change of a mean, or 0 where chance alone explains it: its error is deviation sqrt(1/n + 1/m)."""
    return change if abs(change) > _BEYOND_CHANCE * deviation * math.sqrt(1 / n + 1 / m) else 0.0


def share_change_beyond_chance(reference: int, n: int, current: int, m: int) -> float:
    """Return the change of a share (current less reference), or 0 where chance alone explains it."""
    if n == 0 or m == 0:
        return 0.0
    change = current / m - reference / n
    pooled = (reference + current) / (n + m)
    chance = _BEYOND_CHANCE * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return change if abs(change) > chance else 0.0


def _smoothed(counts: Counts) -> Floats:
    shares: Floats = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
    return shares
