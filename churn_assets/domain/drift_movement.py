"""How far one feature moved between the reference and a month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from churn_assets.domain.drift_measures import (
    Counts,
    Floats,
    mean_change_beyond_chance,
    share_change_beyond_chance,
    sketch,
    stability_beyond_chance,
    wasserstein_beyond_chance,
)
from churn_assets.domain.drift_profile import (
    CategoryProfile,
    NumberProfile,
    counts_in_bins,
    sorted_values,
    value_counts,
)

MISSING = "missing"
Status = Literal["none", "warn", "alarm"]


@dataclass(frozen=True)
class Movement:
    """What moved in one column; the effects are what lies beyond chance.

    Attributes:
        psi: population stability index.
        w1: Wasserstein-1 distance in standard deviations of the reference; None for a category, and where
            either side has no values or the reference but one.
        null_change: change of the share of missing values.
        null_share: share of missing values in the reference and in the month.
        mean: mean in the reference and in the month; None for a category and where there is no value.
        mean_change: change of the mean; None where there are not both.
        bins: what each bin holds, in words.
        reference_shares: share of the reference's rows in each bin.
        current_shares: share of the month's rows in each bin.
    """

    psi: float
    w1: float | None
    null_change: float
    null_share: tuple[float, float]
    mean: tuple[float | None, float | None]
    mean_change: float | None
    bins: tuple[str, ...]
    reference_shares: tuple[float, ...]
    current_shares: tuple[float, ...]


def number_movement(profile: NumberProfile, column: pl.Series) -> Movement:
    """Return how a number moved."""
    values = sorted_values(column)
    reference = np.asarray(profile.counts, dtype=np.int64)
    current = counts_in_bins(values, profile.edges, column.len() - values.size)
    return _movement(reference, current, _ranges(profile.edges), _location(profile, values))


def category_movement(profile: CategoryProfile, column: pl.Series) -> Movement:
    """Return how a category moved; a value that the reference does not know is a bin of its own."""
    found = value_counts(column)
    names = sorted(profile.counts.keys() | found.keys())
    reference = np.array([*(profile.counts.get(name, 0) for name in names), profile.missing])
    current = np.array([*(found.get(name, 0) for name in names), column.null_count()])
    return _movement(reference, current, tuple(names), _Location(None, (None, None), None))


def _movement(
    reference: Counts,
    current: Counts,
    bins: tuple[str, ...],
    location: _Location,
) -> Movement:
    n, m = int(reference.sum()), int(current.sum())
    missing = int(reference[-1]), int(current[-1])
    return Movement(
        psi=stability_beyond_chance(reference, current),
        w1=location.w1,
        null_change=share_change_beyond_chance(missing[0], n, missing[1], m),
        null_share=(missing[0] / n, missing[1] / m),
        mean=location.mean,
        mean_change=location.mean_change,
        bins=(*bins, MISSING),
        reference_shares=tuple((reference / n).tolist()),
        current_shares=tuple((current / m).tolist()),
    )


@dataclass(frozen=True)
class _Location:
    """Where the values lie, as `Movement` has it."""

    w1: float | None
    mean: tuple[float | None, float | None]
    mean_change: float | None


def _location(profile: NumberProfile, values: Floats) -> _Location:
    mean = float(values.mean()) if values.size else None
    if mean is None or profile.mean is None or profile.deviation is None:
        return _Location(None, (profile.mean, mean), None)
    n, m = sum(profile.counts[:-1]), values.size
    change = mean_change_beyond_chance(mean - profile.mean, profile.deviation, n, m)
    if profile.deviation == 0:
        return _Location(None, (profile.mean, mean), change)
    distance = wasserstein_beyond_chance(np.asarray(profile.sketch), sketch(values), n, m)
    return _Location(distance / profile.deviation, (profile.mean, mean), change)


def _ranges(edges: Sequence[float]) -> tuple[str, ...]:
    """Say what each bin of these inner edges holds."""
    if not edges:
        return ("any",)
    inner = [
        f"{low:.4g}" if high == np.nextafter(low, np.inf) else f"{low:.4g} to {high:.4g}"
        for low, high in pairwise(edges)
    ]
    return (f"below {edges[0]:.4g}", *inner, f"from {edges[-1]:.4g}")
