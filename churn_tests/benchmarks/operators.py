"""Simulated operators that the benchmarks work on."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from churn_assets.adapters.home import Home
from churn_assets.defs.live import live
from churn_assets.defs.project import Project
from churn_assets.domain.months import Month
from churn_assets.simulator.operator import simulate

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = Month(2025, 12)
SMALL = 24_000


def deliver_months(home: Path, customers: int, *, months: int, until: Month = UNTIL) -> int:
    """Let an operator deliver into a home; return the event rows."""
    made = simulate(home / "deliveries", customers=customers, months=months, until=until, world="A", seed=7)
    return made.event_rows


def trained_home(root: Path) -> Home:
    """Return a home with a champion: a small operator's six months, lived."""
    home = Home(root)
    home.prepare()
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    deliver_months(root, SMALL, months=6)
    months = list(UNTIL.plus(-5).until(UNTIL))
    live(Project.of(home), months, months[-1:])
    return home
