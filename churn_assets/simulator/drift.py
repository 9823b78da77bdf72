"""What the operator's world is like in a month: the preset, bent by the drifts that have begun."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from churn_assets.domain.months import Month
from churn_assets.simulator.hazard import mean_probability
from churn_assets.simulator.incidents import Incident, IncidentKind
from churn_assets.simulator.worlds import World

_BISECTIONS = 50


@dataclass(frozen=True)
class Conditions:
    """What holds in one month.

    Attributes:
        leaving_share: share of the customers who are leaving at the month's snapshot.
        base_shift: what is added to the logit of the base hazard.
        bound_factor: what the hazard of customers with an annual or biennial contract is multiplied by.
        data_factor: what everybody's data use is multiplied by.
    """

    leaving_share: float
    base_shift: float = 0.0
    bound_factor: float = 1.0
    data_factor: float = 1.0


def conditions(world: World, month: Month, incidents: Sequence[Incident]) -> Conditions:
    """Return what holds in a month: drifts begin with the snapshot of their month and last."""
    share, shift, bound, data = world.leaving_share, 0.0, 1.0, 1.0
    for incident in incidents:
        months = month.since(incident.month)
        if months < 0:
            continue
        if incident.kind == IncidentKind.CHURN_UP:
            factor = _factor_for(world, incident.size)
            share, shift = world.leaving_share * factor, math.log(factor)
        elif incident.kind == IncidentKind.PRICE_RISE:
            bound = incident.size
        elif incident.kind == IncidentKind.DATA_GROWTH:
            data = (1 + incident.size) ** ((months + 1) / 12)
    return Conditions(share, shift, bound, data)


def churn_rate(world: World, factor: float = 1.0) -> float:
    """Return the expected monthly churn of a world whose leaving share and base odds are multiplied."""
    share = world.leaving_share * factor
    base = mean_probability(world.base_hazard, world.base_spread, math.log(factor))
    return share * mean_probability(world.leaving_hazard, world.leaving_spread) + (1 - share) * base


def _factor_for(world: World, rate: float) -> float:
    """Return the factor that brings the churn of the world to a rate, by bisection."""
    low, high = 0.05, 20.0
    if not churn_rate(world, low) < rate < min(churn_rate(world, high), 0.5):
        raise ValueError(
            f"churn cannot be brought to {rate} in world {world.name}: give a monthly rate such as 0.035"
        )
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if churn_rate(world, middle) < rate else (low, middle)
    return low
