"""The platform's models against what could be known: close to the oracle, and never beyond it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.defs.features import LABELS
from churn_assets.defs.gates import EVALUATION
from churn_assets.defs.live import Stage, live
from churn_assets.defs.project import Project
from churn_assets.domain.months import Month
from churn_assets.learning.auc import auc_of
from churn_assets.simulator.operator import simulate
from churn_tests.conftest import of_files

CUSTOMERS = 24_000
MONTHS = 6
UNTIL = Month(2025, 6)


def lived(home: Home, folder: Path, world: str) -> tuple[list[Stage], dict[str, float], float]:
    """Live six months of a world; return the stages, the newest evaluation, and the oracle's AUC on its hold-out."""
    simulate(folder, customers=CUSTOMERS, months=MONTHS, until=UNTIL, world=world, seed=7)
    months = list(UNTIL.plus(1 - MONTHS).until(UNTIL))
    stages = live(Project.of(of_files(home, folder)), months, months[-1:])
    lake = Lake(str(home.lake))
    truth = pl.read_parquet(folder / ".truth" / f"{UNTIL.previous()}.parquet")
    known = lake.read(LABELS, UNTIL).join(truth.select("customer_id", "oracle_p"), on="customer_id")
    oracle = auc_of(known["churned"].cast(pl.Boolean).to_numpy(), known["oracle_p"].to_numpy())
    return stages, lake.read(EVALUATION, UNTIL).row(0, named=True), oracle.value


def test_in_the_reference_world_the_model_comes_close_to_the_oracle(home: Home, tmp_path: Path) -> None:
    stages, evaluation, oracle = lived(home, tmp_path / "deliveries", "A")

    assert stages[-1].job == "score_month"
    assert stages[-1].outcome == "done"
    assert evaluation["auc"] >= 0.80
    assert evaluation["recall"] >= 0.65
    assert evaluation["precision"] >= 0.60
    # Better than the oracle by more than its standard error would be a leak.
    assert 0.97 * oracle <= evaluation["auc"] <= oracle + 3 * evaluation["auc_error"]


@pytest.mark.parametrize("world", ["D", "B3", "C2"])
def test_where_churn_cannot_be_foreseen_so_well_the_recall_gate_stops_the_promotion(
    home: Home, tmp_path: Path, world: str
) -> None:
    stages, evaluation, oracle = lived(home, tmp_path / "deliveries", world)

    outcomes = {stage.job: stage for stage in stages if stage.month == UNTIL}
    assert outcomes["close_month"].outcome == "done"
    assert outcomes["retrain"].outcome == "stopped"
    assert "recall_at_least_floor" in outcomes["retrain"].sentence
    assert outcomes["score_month"].outcome == "early"
    assert evaluation["auc"] <= oracle + 3 * evaluation["auc_error"]
