"""What follows what: retraining after a close, scoring after retraining (passed or stopped), retraining on drift."""

from typing import Any

import dagster as dg

from churn_assets.adapters.champions import CHALLENGERS, champion_at
from churn_assets.adapters.lake import Lake
from churn_assets.defs.features import LABELS, MATRIX, labelled_months
from churn_assets.defs.jobs import CLOSE, RETRAIN, SCORE, Job
from churn_assets.defs.monitoring import DRIFT
from churn_assets.defs.project import Project
from churn_assets.defs.staleness import newest_id
from churn_assets.domain.months import Month
from churn_assets.learning.split import LEAST_LABELLED_MONTHS

MONTH_TAG = "dagster/partition"
EVENTS_PER_TICK = 50


def build(project: Project, jobs: dict[str, Job]) -> list[dg.SensorDefinition]:
    """Return the sensors; they run by themselves only where the settings say so."""
    running = project.settings.operator.automation
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
    return [
        _after_close(jobs, status, project),
        _after_retraining(jobs, status, dg.DagsterRunStatus.SUCCESS),
        _after_retraining(jobs, status, dg.DagsterRunStatus.FAILURE),
        _on_drift(jobs, status),
    ]


def _after_close(
    jobs: dict[str, Job], status: dg.DefaultSensorStatus, project: Project
) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name="retrain_after_close",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[jobs[CLOSE]],
        request_jobs=[jobs[RETRAIN], jobs[SCORE]],
        default_status=status,
        description="A month was taken in: retrain on it, or score at once where monthly retraining is off or too young.",
    )
    def retrain_after_close(
        context: dg.RunStatusSensorContext, lake: dg.ResourceParam[Lake]
    ) -> dg.RunRequest | dg.SkipReason:
        month = context.dagster_run.tags[MONTH_TAG]
        labelled = len(labelled_months(lake, Month.parse(month)))
        if project.settings.retraining.monthly and labelled >= LEAST_LABELLED_MONTHS:
            return dg.RunRequest(
                f"retrain:{context.dagster_run.run_id}", job_name=RETRAIN, partition_key=month
            )
        if champion_at(lake, Month.parse(month)) is None:
            return dg.SkipReason(
                f"{labelled} labelled months are too few to train on, and there is no champion yet"
            )
        return dg.RunRequest(f"score:{context.dagster_run.run_id}", job_name=SCORE, partition_key=month)

    return retrain_after_close


def _after_retraining(
    jobs: dict[str, Job],
    status: dg.DefaultSensorStatus,
    outcome: dg.DagsterRunStatus,
) -> dg.SensorDefinition:
    word = "retraining" if outcome is dg.DagsterRunStatus.SUCCESS else "stopped_retraining"

    @dg.run_status_sensor(
        name=f"score_after_{word}",
        run_status=outcome,
        monitored_jobs=[jobs[RETRAIN]],
        request_job=jobs[SCORE],
        default_status=status,
        description="Retraining ended, promoted or stopped by a gate: score the month with the champion of the day.",
    )
    def score_after_retraining(
        context: dg.RunStatusSensorContext, lake: dg.ResourceParam[Lake]
    ) -> dg.RunRequest | dg.SkipReason:
        month = context.dagster_run.tags[MONTH_TAG]
        if champion_at(lake, Month.parse(month)) is None:
            return dg.SkipReason(f"no model has passed the gates by {month}: there is nothing to score with")
        return dg.RunRequest(f"score:{context.dagster_run.run_id}", job_name=SCORE, partition_key=month)

    return score_after_retraining


def _on_drift(jobs: dict[str, Job], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="retrain_on_drift",
        job=jobs[RETRAIN],
        minimum_interval_seconds=60,
        default_status=status,
        description="A drift report says that the population moved: ask for retraining, once a report.",
    )
    def retrain_on_drift(
        context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]
    ) -> dg.SensorResult:
        # Read by cursor: a sensor on the asset's newest event would miss a month when two reports land in one tick.
        after = int(context.cursor) if context.cursor else None
        records = context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(DRIFT), after_storage_id=after),
            limit=EVENTS_PER_TICK,
            ascending=True,
        ).records
        if not records:
            return dg.SensorResult(skip_reason=dg.SkipReason("no new drift report"))
        decisions = [_decide(context.instance, lake, record) for record in records]
        requests = [decision for decision in decisions if isinstance(decision, dg.RunRequest)]
        reasons = "; ".join(decision for decision in decisions if isinstance(decision, str))
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(reasons),
            cursor=str(records[-1].storage_id),
        )

    return retrain_on_drift


def _decide(instance: dg.DagsterInstance, lake: Lake, record: Any) -> dg.RunRequest | str:  # noqa: ANN401
    """Ask for retraining, or say in words why not."""
    month = Month.parse(record.partition_key)
    metadata = record.asset_materialization.metadata
    if not metadata["drifted"].value:
        return f"{month} did not drift"
    if len(labelled_months(lake, month)) < LEAST_LABELLED_MONTHS:
        return f"{month} drifted, but too few months are labelled to train on"
    if _trained_on_newest(instance, month):
        return f"{month} drifted, but its challenger has been trained on this very data"
    return dg.RunRequest(
        f"drift:{month}:{metadata['report_digest'].value}",
        partition_key=str(month),
        tags={"churn/reason": "drift"},
    )


def _trained_on_newest(instance: dg.DagsterInstance, month: Month) -> bool:
    trained = newest_id(instance, CHALLENGERS, month)
    inputs = (newest_id(instance, LABELS, month), newest_id(instance, MATRIX, month.previous()))
    return trained is not None and all(trained > (read or 0) for read in inputs)
