"""Promotion reads the stored evidence of that very model again, and fails closed."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from churn_assets.adapters.champions import CHALLENGERS
from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.defs.gates import EVALUATION, stopping_gates, stored_verdicts
from churn_assets.defs.project import Project
from churn_assets.defs.promotion import decide
from churn_assets.domain.months import Month
from churn_assets.learning.gates import CHAMPION, GATE_NAMES, GateVerdict
from churn_tests.conftest import of_files

MAY, JUNE = Month(2025, 5), Month(2025, 6)
DIGEST = "d" * 64


@pytest.fixture
def lake(home: Home, deliveries: Path) -> Lake:
    of_files(home, deliveries)
    lake = Lake(str(home.lake))
    row = {"version": "3", "digest": DIGEST, "family": "xgboost", "learned_from": "files"}
    lake.write(CHALLENGERS, MAY, pl.DataFrame([row]))
    return lake


def store(home: Home, month: Month, digest: str, failing: tuple[str, ...] = ()) -> dg.DagsterInstance:
    """Let checks leave evidence about a model in Dagster's own event log, as a run of the job does."""
    project = Project.of(home)
    instance = dg.DagsterInstance.get()

    @project.asset(EVALUATION, group="training", description="stands for the evaluation")
    def evaluation() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult()

    specs = [project.check(EVALUATION, name, "", blocking=False) for name in GATE_NAMES]

    @dg.multi_asset_check(specs=specs)
    def gates() -> object:
        for name in GATE_NAMES:
            verdict = GateVerdict(name, name not in failing, "enabled", 0.5, 0.4, f"{name} was judged")
            yield dg.AssetCheckResult(
                asset_key=EVALUATION,
                check_name=name,
                passed=verdict.passed,
                metadata={"model_digest": digest, "verdict": dg.MetadataValue.json(verdict.to_dict())},
            )

    assert dg.materialize([evaluation, gates], instance=instance, partition_key=str(month)).success
    return instance


def test_with_all_evidence_the_challenger_is_promoted(home: Home, lake: Lake) -> None:
    decision = decide(store(home, MAY, DIGEST), lake, MAY)

    assert decision.promoted
    assert (decision.version, decision.digest) == ("3", DIGEST)


def test_without_evidence_nothing_is_promoted(home: Home, lake: Lake) -> None:
    del home
    with (
        dg.DagsterInstance.get() as instance,
        pytest.raises(dg.Failure, match="no stored evidence of auc_at_least"),
    ):
        decide(instance, lake, MAY)


def test_evidence_about_other_bytes_is_no_evidence(home: Home, lake: Lake) -> None:
    with pytest.raises(dg.Failure, match="no stored evidence"):
        decide(store(home, MAY, "e" * 64), lake, MAY)


def test_evidence_of_another_month_is_no_evidence(home: Home, lake: Lake) -> None:
    instance = store(home, JUNE, DIGEST)

    assert stored_verdicts(instance, MAY, DIGEST) == []
    assert len(stored_verdicts(instance, JUNE, DIGEST)) == len(GATE_NAMES)
    with pytest.raises(dg.Failure, match="no stored evidence"):
        decide(instance, lake, MAY)


def test_a_failed_gate_stops_the_promotion_and_is_named(home: Home, lake: Lake) -> None:
    instance = store(home, MAY, DIGEST, failing=("recall_at_least_floor",))

    with pytest.raises(dg.Failure, match="recall_at_least_floor was judged"):
        decide(instance, lake, MAY)
    assert stopping_gates(instance, lake, MAY) == ("recall_at_least_floor",)


def test_being_worse_without_a_champion_is_a_contradiction_and_promotes_nothing(
    home: Home, lake: Lake
) -> None:
    instance = store(home, MAY, DIGEST, failing=(CHAMPION,))

    with pytest.raises(dg.Failure, match="not promoted"):
        decide(instance, lake, MAY)
    assert stopping_gates(instance, lake, MAY) == ()


def test_newer_evidence_counts(home: Home, lake: Lake) -> None:
    store(home, MAY, DIGEST)

    with pytest.raises(dg.Failure, match="precision_at_least_floor"):
        decide(store(home, MAY, DIGEST, failing=("precision_at_least_floor",)), lake, MAY)
