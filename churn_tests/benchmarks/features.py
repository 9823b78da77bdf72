"""The feature matrix of a month, from cleaned tables in the lake to a frame."""

from __future__ import annotations

from pathlib import Path

from churn_assets.adapters.lake import Lake
from churn_assets.defs.features import window_of
from churn_assets.domain.features.matrix import feature_matrix
from churn_tests.benchmarks.month import MONTH, _project, prepare_deliveries, prepare_history


def features(home: Path, customers: int) -> int:
    """Compute the 45 features; the rows are the call records of the month and the one before."""
    del customers
    project, lake = _project(home), Lake(str(home / "lake"))
    return feature_matrix(window_of(project, lake, MONTH.previous()), MONTH.previous()).height


STAGES = {"prepare deliveries": prepare_deliveries, "prepare history": prepare_history, "features": features}
