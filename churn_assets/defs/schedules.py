"""The clock: a month is closed at 02:00 on the 1st of the next, in the operator's time zone."""

from __future__ import annotations

import dagster as dg

from churn_assets.defs.jobs import CLOSE, Job
from churn_assets.defs.project import Project


def build(project: Project, jobs: dict[str, Job]) -> list[dg.ScheduleDefinition]:
    """Return the schedules.

    02:00 leaves the operator's IT two hours after midnight to deliver and the CRM four hours until 06:00. The partitions
    carry the operator's time zone, so the tick of the 1st asks for the month that has just closed there.
    """
    schedule = dg.build_schedule_from_partitioned_job(
        jobs[CLOSE],
        name="close_month_on_the_first",
        description="02:00 on the 1st: the month just closed. Retraining and scoring follow by sensors.",
        hour_of_day=2,
        default_status=default_schedule_status(project),
    )
    return [schedule]  # type: ignore[list-item]  # resolved to a ScheduleDefinition with the partitions of its job


def default_schedule_status(project: Project) -> dg.DefaultScheduleStatus:
    """Schedules run by themselves only where the settings say so: a laptop must not start work at night."""
    running = project.settings.operator.automation
    return dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
