"""Scoring from lake to frame: the champion over a month's feature matrix."""

from __future__ import annotations

from pathlib import Path

from churn_assets.adapters.champions import champion_at
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.defs.features import read_matrix
from churn_tests.benchmarks.month import (
    MONTH,
    _project,
    prepare_champion,
    prepare_deliveries,
    prepare_history,
)


def score(home: Path, customers: int) -> int:
    """Read a feature matrix and score every customer."""
    del customers
    project, lake = _project(home), Lake(str(home / "lake"))
    champion = champion_at(lake, MONTH)
    assert champion is not None
    model = ModelRegistry("", "", project.home.models).load(champion.digest)
    return model.score(read_matrix(project, lake, MONTH.previous())).height


STAGES = {
    "prepare deliveries": prepare_deliveries,
    "prepare champion": prepare_champion,
    "prepare history": prepare_history,
    "score": score,
}
