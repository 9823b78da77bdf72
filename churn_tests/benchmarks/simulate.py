"""The embedded operator: event rows a second, files included."""

from __future__ import annotations

from pathlib import Path

from churn_assets.domain.months import Month
from churn_assets.simulator.operator import simulate

UNTIL = Month(2025, 12)


def deliver(home: Path, customers: int) -> int:
    """Simulate three months into the home's deliveries; count the event rows."""
    made = simulate(home / "deliveries", customers=customers, months=3, until=UNTIL, world="A", seed=7)
    return made.event_rows


STAGES = {"simulate 3 months": deliver}
