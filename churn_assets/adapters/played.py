"""What the embedded operator has delivered into a home, so that a second run does not let it deliver again."""

from __future__ import annotations

import dataclasses
import json

from churn_assets.adapters.files import write_atomically
from churn_assets.adapters.home import Home
from churn_assets.adapters.settings import SettingsError, SimulatorSettings
from churn_assets.domain.months import Month

RECORD = ".played.json"


def delivered_already(home: Home, asked: SimulatorSettings) -> bool:
    """Tell whether the home's deliveries hold all that is asked for.

    Raises:
        SettingsError: another operator delivered here; two operators in one home would contradict each other.
    """
    played = _played(home)
    if played is None:
        return False
    if (played.customers, played.world, played.seed) != (asked.customers, asked.world, asked.seed):
        raise SettingsError(
            f"this home holds the operator of world {played.world}, {played.customers} customers, seed {played.seed}; "
            f"name another CHURN_HOME for world {asked.world}, {asked.customers} customers, seed {asked.seed}"
        )
    if _first(asked) < _first(played):
        raise SettingsError(
            f"this home's history begins with {_first(played)}; for one from {_first(asked)} name another CHURN_HOME"
        )
    return Month.parse(asked.until) <= Month.parse(played.until)


def record_played(home: Home, settings: SimulatorSettings) -> None:
    """Write down what was delivered, together with what was delivered before."""
    played = _played(home)
    first = _first(settings) if played is None else min(_first(settings), _first(played))
    whole = dataclasses.replace(settings, months=Month.parse(settings.until).since(first) + 1)
    write_atomically(home.deliveries / RECORD, json.dumps(dataclasses.asdict(whole)).encode())


def _first(settings: SimulatorSettings) -> Month:
    return Month.parse(settings.until).plus(1 - settings.months)


def _played(home: Home) -> SimulatorSettings | None:
    record = home.deliveries / RECORD
    if not record.exists():
        return None
    return SimulatorSettings(**json.loads(record.read_text(encoding="utf-8")))
