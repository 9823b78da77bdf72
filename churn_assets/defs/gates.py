"""The gates: blocking checks on a challenger's evaluation, and the stored evidence that promotion reads again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter

from churn_assets.adapters.champions import CHALLENGERS
from churn_assets.adapters.lake import Lake
from churn_assets.defs import evidence
from churn_assets.defs.project import Project
from churn_assets.domain.months import Month
from churn_assets.learning.gates import CHAMPION, GATE_NAMES, GateVerdict

EVALUATION = "challenger_evaluation"
FACTS: Mapping[str, str] = {
    "auc_at_least_floor": "The challenger ranks leavers before stayers on the newest labelled month.",
    "recall_at_least_floor": "Of those who left, enough lie above the threshold that was fixed before.",
    "precision_at_least_floor": "Of those above the threshold, enough left.",
    "calibration_within_tolerance": "The probabilities are true: in the mean and in every part of the scale.",
    "expected_profit_positive": "Contacting everyone above the threshold earns money, by the probabilities.",
    "not_worse_than_champion": "On the same customers it does not rank worse than the champion; else the champion stays.",
    "operating_point_is_possible": "AUC, recall and false positive rate do not contradict each other; warns only.",
}


def build(project: Project) -> list[dg.AssetChecksDefinition]:
    """Return the gates.

    A gate that is enabled blocks. Being worse than the champion is no defect of the month: the champion stays, and
    nothing fails.
    """
    modes = project.settings.gates
    specs = [
        project.check(
            EVALUATION, name, FACTS[name], blocking=name != CHAMPION and modes.mode_of(name) == "enabled"
        )
        for name in GATE_NAMES
    ]

    @dg.multi_asset_check(name="gates", specs=specs)
    def gates(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.AssetCheckResult]:
        month = evidence.month_of(context)
        row = lake.read(EVALUATION, month).row(0, named=True)
        for stored in json.loads(row["gates"]):
            yield _result(GateVerdict.from_dict(stored), row["model_digest"], month)

    return [gates]


def _result(verdict: GateVerdict, digest: str, month: Month) -> dg.AssetCheckResult:
    blocks = verdict.blocks and verdict.name != CHAMPION
    return dg.AssetCheckResult(
        asset_key=EVALUATION,
        check_name=verdict.name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=verdict.sentence,
        metadata={
            "month": str(month),
            "model_digest": digest,
            "mode": verdict.mode,
            "verdict": dg.MetadataValue.json(verdict.to_dict()),
            **evidence.numbers({"value": verdict.value, "floor": verdict.floor}),
        },
    )


def stored_verdicts(instance: dg.DagsterInstance, month: Month, digest: str) -> list[GateVerdict]:
    """Read back, from Dagster's event log, the verdicts about one model: those of another digest are no evidence."""
    keys = [dg.AssetCheckKey(dg.AssetKey(EVALUATION), name) for name in GATE_NAMES]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=str(month))
    )
    verdicts = []
    for record in found.values():
        evaluation = _evaluation_of(record)
        if evaluation is None or evaluation.metadata["model_digest"].value != digest:
            continue
        stored = GateVerdict.from_dict(cast("Mapping[str, Any]", evaluation.metadata["verdict"].value))
        if stored.passed == evaluation.passed:
            verdicts.append(stored)
    return verdicts


def _evaluation_of(record: Any) -> dg.AssetCheckEvaluation | None:  # noqa: ANN401  internal to Dagster
    """Return the evaluation of a check's record; None where it was planned and never finished."""
    event = record.event.dagster_event if record.event else None
    data = event.event_specific_data if event else None
    return data if isinstance(data, dg.AssetCheckEvaluation) else None


def stopping_gates(instance: dg.DagsterInstance, lake: Lake, month: Month) -> tuple[str, ...]:
    """Return the names of the gates that stopped a month's challenger."""
    if not lake.has(CHALLENGERS, month):
        return ()
    digest = lake.read(CHALLENGERS, month)["digest"].item()
    verdicts = stored_verdicts(instance, month, digest)
    return tuple(verdict.name for verdict in verdicts if verdict.blocks and verdict.name != CHAMPION)
