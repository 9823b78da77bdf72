"""The challenger on a month that it has not seen, and who is champion after it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.champions import CHALLENGERS, DECISIONS, Decision, champion_at, record_decision
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.defs import evidence, pictures
from churn_assets.defs.challenger import POOL
from churn_assets.defs.features import read_labelled
from churn_assets.defs.gates import EVALUATION, stored_verdicts
from churn_assets.defs.project import BEFORE, Project
from churn_assets.defs.training_set import GROUP, split_at
from churn_assets.domain.months import Month
from churn_assets.learning.auc import Comparison
from churn_assets.learning.evaluation import compare, evaluate
from churn_assets.learning.gates import CHAMPION, GATE_NAMES, GateVerdict, judge_gates, may_promote


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the evaluation and the decision."""
    return [_evaluation(project), _champion(project)]


def _evaluation(project: Project) -> dg.AssetsDefinition:
    settings = project.settings

    @project.asset(
        EVALUATION,
        group=GROUP,
        description="The challenger on the newest labelled month, which nothing of it has seen: ranking, recall and precision "
        "at the threshold, calibration, money, and the comparison with the champion on the same customers.",
        # It reads the former champion too. Declaring that would close a circle with `champion`, which Dagster refuses; a
        # former champion that changes has learned from months that this challenger learned from, so this is stale then.
        deps=[CHALLENGERS],
        kinds=("polars", "mlflow"),
        shaped_by=[settings.gates, settings.economics],
        pool=POOL,
    )
    def challenger_evaluation(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        challenger = lake.read(CHALLENGERS, month).row(0, named=True)
        model = registry.load(challenger["digest"])
        hold_out = read_labelled(project, lake, Month.parse(split_at(project, lake, month).hold_out))
        churned, probability = hold_out["churned"].to_numpy(), model.probabilities(hold_out)
        evaluation = evaluate(churned, probability, model.threshold, settings.economics)
        champion = champion_at(lake, month.previous())
        comparison: Comparison | None = None
        if champion is not None and champion.digest != challenger["digest"]:
            comparison = compare(churned, probability, registry.load(champion.digest).probabilities(hold_out))
        verdicts = judge_gates(evaluation, settings.gates, comparison)
        metrics = evidence.numbers(evaluation.metrics())
        row = {
            "hold_out": str(month.previous()),
            "model_digest": challenger["digest"],
            "gates": json.dumps([verdict.to_dict() for verdict in verdicts]),
            "report": evaluation.to_json(),
            **metrics,
        }
        registry.log_metrics(
            challenger["mlflow_run"], {f"hold_out_{name}": value for name, value in metrics.items()}
        )
        result = lake.write(EVALUATION, month, pl.DataFrame([row]), run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                **pictures.evaluation(evaluation, settings.gates),
                **metrics,
                **evidence.written(result),
            }
        )

    return challenger_evaluation


def _champion(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        DECISIONS,
        group=GROUP,
        description="Who is champion after this month's challenger: promoted when every gate passed, by the stored evidence "
        "read again, and it is not worse than the champion; else the champion stays.",
        deps=[EVALUATION, dg.AssetDep(DECISIONS, partition_mapping=BEFORE)],
        kinds=("mlflow",),
    )
    def champion(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
        audit: dg.ResourceParam[AuditLog],
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        decision = decide(context.instance, lake, month)
        result = record_decision(
            decision,
            lake=lake,
            registry=registry,
            audit=audit,
            actor="platform",
            at=datetime.now(UTC),
            run_id=context.run.run_id,
        )
        return dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "champion_version": decision.version,
                "promoted": decision.promoted,
                "reason": decision.reason,
            },
            data_version=dg.DataVersion(decision.digest),
        )

    return champion


def decide(instance: dg.DagsterInstance, lake: Lake, month: Month) -> Decision:
    """Decide from the stored evidence alone; it fails closed.

    Raises:
        dg.Failure: a gate has no evidence about this very model, or one blocks.
    """
    challenger = lake.read(CHALLENGERS, month).row(0, named=True)
    version, digest = challenger["version"], challenger["digest"]
    verdicts = stored_verdicts(instance, month, digest)
    missing = sorted(set(GATE_NAMES) - {verdict.name for verdict in verdicts})
    if missing:
        raise dg.Failure(
            f"version {version} is not promoted: no stored evidence of {', '.join(missing)} about the model {digest[:16]}; "
            f"run the job `retrain` for {month}, which evaluates and checks it",
            allow_retries=False,
        )
    if may_promote(verdicts):
        return Decision(
            str(month),
            version,
            digest,
            str(month),
            challenger["learned_from"],
            promoted=True,
            reason=_praise(verdicts),
        )
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    champion = champion_at(lake, month.previous())
    if {verdict.name for verdict in blocking} == {CHAMPION} and champion is not None:
        reason = f"The champion stays: {blocking[0].sentence}."
        return replace(champion, month=str(month), promoted=False, reason=reason)
    raise dg.Failure(
        f"version {version} is not promoted: {'; '.join(verdict.sentence for verdict in blocking)}",
        allow_retries=False,
    )


def _praise(verdicts: Sequence[GateVerdict]) -> str:
    failed = [verdict.name for verdict in verdicts if not verdict.passed]
    return f"No enabled gate failed; these only warn: {', '.join(failed)}." if failed else "All gates passed."
