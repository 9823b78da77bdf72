"""Living months as production does: close, retrain, score, each as a Dagster run, only what is missing or stale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster import AssetKey, DagsterEventType

from churn_assets.adapters.champions import champion_at
from churn_assets.adapters.deliveries import DeliveryError, Source
from churn_assets.adapters.sqlite import patient_sqlite
from churn_assets.defs.build import definitions_of
from churn_assets.defs.features import labelled_months
from churn_assets.defs.jobs import CLOSE, RETRAIN, SCORE
from churn_assets.defs.project import Project
from churn_assets.defs.staleness import Staleness
from churn_assets.domain.months import Month
from churn_assets.learning.split import LEAST_LABELLED_MONTHS

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
STAGES = (CLOSE, RETRAIN, SCORE)


@dataclass(frozen=True)
class Stage:
    """One job of one month and how it ended.

    Attributes:
        month: the month.
        job: the job.
        outcome: `done`, `unchanged` (nothing was stale), `stopped` (a gate failed), `blocked` (the data), `failed`
            (anything else), `early` (too few labels, or no champion yet) or `waiting` (a file has not come).
        assets: how many assets were made.
        sentence: what happened, where it was not simply done.
        run_id: Dagster's run, where there was one.
    """

    month: Month
    job: str
    outcome: str
    assets: int = 0
    sentence: str = ""
    run_id: str = ""


@dataclass
class Life:
    """The months of one installation, run through Dagster in this process."""

    project: Project
    instance: dg.DagsterInstance
    definitions: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = definitions_of(self.project)

    def live(
        self,
        months: Sequence[Month],
        scored: Sequence[Month],
        progress: Callable[[Month, str], None] | None = None,
    ) -> list[Stage]:
        """Take the months in, in order; retrain and score those of `scored`. Ends with the first month that is blocked."""
        stages: list[Stage] = []
        for month in months:
            for job in STAGES if month in scored else (CLOSE,):
                if progress:
                    progress(month, job)
                stages.append(self.stage(job, month))
            if any(
                stage.month == month and stage.outcome in {"blocked", "failed", "waiting"} for stage in stages
            ):
                break
        return stages

    def stage(self, job: str, month: Month) -> Stage:
        """Run one job for one month, as far as something of it is missing or stale."""
        if job == CLOSE and (awaited := self._awaited(month)):
            return Stage(month, job, "waiting", sentence=awaited)
        lake = self.project.lake
        if job == RETRAIN and len(labelled_months(lake, month)) < LEAST_LABELLED_MONTHS:
            return Stage(
                month, job, "early", sentence=f"{LEAST_LABELLED_MONTHS} labelled months are needed to train"
            )
        if job == SCORE and champion_at(lake, month) is None:
            return Stage(month, job, "early", sentence="no model has passed the gates yet")
        stale = Staleness(self.project, self.instance, self.definitions).stale_in(job, month)
        stopped = self.gates_that_stop(month) if job == RETRAIN else ()
        if job == RETRAIN and stale == [AssetKey("champion")] and stopped:
            return Stage(month, job, "stopped", sentence=_stopped(month, stopped))
        if not stale:
            return Stage(month, job, "unchanged")
        return self._run(job, month, stale)

    def gates_that_stop(self, month: Month) -> tuple[str, ...]:
        """Return the names of the gates that the month's challenger failed, by the stored evidence."""
        from churn_assets.defs.gates import stopping_gates  # noqa: PLC0415

        return stopping_gates(self.instance, self.project.lake, month)

    def _awaited(self, month: Month) -> str:
        if self.project.settings.source.missing_file != "wait":
            return ""
        source = self.project.source
        for table in self.project.tables:
            first = source.first_month(table.name)
            if first is not None and first <= month and not _delivered(source, table.name, month):
                return f"{table.name}/{month} has not been delivered yet"
        return ""

    def _run(self, job: str, month: Month, stale: Sequence[AssetKey]) -> Stage:
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=str(month),
            asset_selection=list(stale),
            raise_on_error=False,
            run_config=QUIET,
        )
        if result.success:
            return Stage(month, job, "done", len(stale), run_id=result.run_id)
        if job == RETRAIN and (gates := self.gates_that_stop(month)):
            return Stage(month, job, "stopped", len(stale), _stopped(month, gates), result.run_id)
        blocked, sentence = _reason(result)
        return Stage(month, job, "blocked" if blocked else "failed", len(stale), sentence, result.run_id)


def _delivered(source: Source, table: str, month: Month) -> bool:
    try:
        return source.fingerprint(table, month) is not None
    except DeliveryError:
        return True  # something is there; reading it says what is wrong


def live(
    project: Project,
    months: Sequence[Month],
    scored: Sequence[Month],
    progress: Callable[[Month, str], None] | None = None,
) -> list[Stage]:
    """Live the months of a project on its own Dagster instance (`DAGSTER_HOME`)."""
    with patient_sqlite(), dg.DagsterInstance.get() as instance:
        return Life(project, instance).live(months, scored, progress)


def _stopped(month: Month, gates: Sequence[str]) -> str:
    return f"the challenger of {month} was stopped by {', '.join(gates)}"


def _reason(result: dg.ExecuteInProcessResult) -> tuple[bool, str]:
    """Return whether data or a check blocked the run (rather than a defect of ours), and the sentence that says so."""
    for event in result.all_events:
        if event.event_type is not DagsterEventType.STEP_FAILURE:
            continue
        failure = event.step_failure_data
        if failure.user_failure_data is not None:
            return True, str(failure.user_failure_data.description)
        error = failure.error.cause or failure.error if failure.error else None
        return (
            False,
            f"{event.step_key}: {error.message.strip() if error else 'failed'} (run {result.run_id})",
        )
    return False, f"run {result.run_id} failed"
