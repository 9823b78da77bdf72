"""The hazard worlds by name: how often customers leave, how well it can be known, and how clearly they show it.

In a world a share of the active customers is in the state "leaving" at a snapshot; the logit of their probability of
leaving in the next month is normal around `leaving_hazard`, that of all others around `base_hazard`. What the best
possible model reaches follows from these numbers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

NEUTRAL = "-neutral"


@dataclass(frozen=True)
class World:
    """The parameters of one world.

    Attributes:
        name: the preset's name.
        description: one line for the command's help.
        leaving_share: share of the active customers who are in the state "leaving" at a snapshot.
        leaving_hazard: median probability of leaving in the next month in that state.
        leaving_spread: standard deviation of its logit.
        base_hazard: median probability of leaving in the next month of all others.
        base_spread: standard deviation of its logit.
        signal_strength: how strongly a leaving customer's conduct changes; 1 is the reference, 0 is silence.
        sensitive_weight: how strongly age group and region enter the hazard; 0 is not at all.
    """

    name: str
    description: str
    leaving_share: float
    leaving_hazard: float
    leaving_spread: float
    base_hazard: float
    base_spread: float
    signal_strength: float = 1.0
    sensitive_weight: float = 1.0


_PRESETS = (
    World(
        "A", "the reference operator's claim: strong signals, an even base", 0.0240, 0.72, 0.6, 0.0061, 0.25
    ),
    World("A5", "as A, the base as uneven as in nature", 0.0238, 0.735, 0.7, 0.0040, 1.0),
    World("D", "fewer leavers show it: the recall gate must fail", 0.0150, 0.70, 0.7, 0.0085, 1.0),
    World("B3", "few leavers show it: the recall gate must fail", 0.0100, 0.60, 0.8, 0.0105, 1.1),
    World(
        "C2", "nobody shows it, risks differ widely: the recall gate must fail", 0.0, 0.5, 0.0, 0.0105, 1.5
    ),
)
WORLDS: Mapping[str, World] = MappingProxyType({world.name: world for world in _PRESETS})


def world_named(name: str) -> World:
    """Return the world of that name; with "-neutral" behind it, age group and region do not enter the hazard.

    Raises:
        ValueError: no world has that name.
    """
    world = WORLDS.get(name.removesuffix(NEUTRAL))
    if world is None:
        raise ValueError(
            f"'{name}' is not a world: choose one of {', '.join(WORLDS)}, each also with {NEUTRAL}"
        )
    return replace(world, name=name, sensitive_weight=0.0) if name.endswith(NEUTRAL) else world
