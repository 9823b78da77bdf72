"""What a person asks first: which months are in, who is champion, which gates passed, what the last campaign is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster import DagsterEventType, RunsFilter

from churn_assets.adapters.champions import CHALLENGERS, champion_at
from churn_assets.adapters.lake import Lake
from churn_assets.defs.build import definitions_of
from churn_assets.defs.cleaned import COUNTS, cleaned_name
from churn_assets.defs.features import MATRIX
from churn_assets.defs.gates import EVALUATION
from churn_assets.defs.jobs import CLOSE
from churn_assets.defs.monitoring import DRIFT
from churn_assets.defs.project import Project
from churn_assets.defs.retention import OUTCOME, SUMMARY
from churn_assets.defs.staleness import Staleness
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS

Overview = dict[str, Any]


def overview(project: Project) -> Overview:
    """Gather the state of an installation from the lake, and from Dagster what stopped a month."""
    lake = project.lake
    months = _months(project, lake)
    newest = max((Month.parse(row["month"]) for row in months), default=project.first_month)
    return {
        "home": str(project.home.root),
        "source": project.settings.source.kind,
        "months": months,
        "champion": _champion(lake, newest),
        "challenger": _newest(lake, CHALLENGERS, ("version", "digest", "family", "month")),
        "gates": _gates(lake),
        "drift": _newest(lake, DRIFT, ("month", "severity", "drifted", "sentence")),
        "experiment": None,
        "campaign": _newest(lake, SUMMARY),
    }


def _months(project: Project, lake: Lake) -> list[Overview]:
    delivered = set(project.source.months())
    known = sorted({*delivered, *lake.months(MATRIX)})
    if not known:
        return []
    published = set(lake.months(MATRIX))
    cleaned = set(lake.months(cleaned_name(CUSTOMERS.name)))
    rows = []
    for month in known[0].until(known[-1]):
        reason = _stopped_by(project, month) if month in delivered else "not delivered"
        state = "published" if month in published else ("cleaned" if month in cleaned else "not taken in")
        rows.append(
            {
                "month": str(month),
                "state": "blocked" if reason and month in delivered else state,
                "reason": reason or None,
                **_cleaning(lake, month),
                **_results(lake, month),
            }
        )
    return rows


def _results(lake: Lake, month: Month) -> Overview:
    """Return what a month's models and campaign came to."""
    evaluation = _row(lake, EVALUATION, month)
    campaign = _row(lake, SUMMARY, month)
    outcome = _row(lake, OUTCOME, month.next())
    champion = champion_at(lake, month)
    return {
        "champion": champion.version if champion else None,
        "challenger_auc": evaluation.get("auc"),
        "challenger_recall": evaluation.get("recall"),
        "challenger_precision": evaluation.get("precision"),
        "gates_failed": [gate["name"] for gate in json.loads(evaluation.get("gates", "[]")) if _fails(gate)],
        "contacts": campaign.get("contacts"),
        "expected_profit_eur": campaign.get("expected_profit_eur"),
        "realised_profit_eur": outcome.get("realised_profit_eur"),
    }


def _fails(gate: Mapping[str, Any]) -> bool:
    return not gate["passed"] and bool(gate["blocks"])


def _champion(lake: Lake, month: Month) -> Overview | None:
    decision = champion_at(lake, month)
    return None if decision is None else {**decision.__dict__}


def _gates(lake: Lake) -> list[Overview]:
    months = lake.months(EVALUATION)
    if not months:
        return []
    row = _row(lake, EVALUATION, months[-1])
    return [
        {**gate, "month": str(months[-1]), "model_digest": row["model_digest"]}
        for gate in json.loads(row["gates"])
    ]


def _newest(lake: Lake, table: str, columns: tuple[str, ...] = ()) -> Overview | None:
    months = lake.months(table)
    if not months:
        return None
    row = {"month": str(months[-1]), **_row(lake, table, months[-1])}
    return {name: row[name] for name in columns} if columns else row


def _row(lake: Lake, table: str, month: Month) -> Overview:
    return lake.read(table, month).row(0, named=True) if lake.has(table, month) else {}


def _cleaning(lake: Lake, month: Month) -> Overview:
    """Return what the judgement of a month counted, also where it blocked the month."""
    rows = lake.read(COUNTS, month).to_dicts() if lake.has(COUNTS, month) else []
    counts = {
        row.pop("table"): row | {name: json.loads(row[name]) for name in ("rules", "unknown_categories")}
        for row in rows
    }
    return {
        "quarantined": {table: row["quarantined"] for table, row in counts.items()},
        "cleaning": counts,
    }


def _stopped_by(project: Project, month: Month) -> str:
    """Return why the newest attempt to take a month in failed, or an empty text.

    A month that is whole all the same was stopped by a bad file whose place the former one has taken again.
    """
    with dg.DagsterInstance.get() as instance:
        records = instance.get_run_records(
            RunsFilter(job_name=CLOSE, tags={"dagster/partition": str(month)}), limit=1
        )
        if not records or records[0].dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            return ""
        if not Staleness(project, instance, definitions_of(project)).stale_in(CLOSE, month):
            return ""
        events = instance.all_logs(records[0].dagster_run.run_id, of_type=DagsterEventType.STEP_FAILURE)
    for entry in events:
        failure = entry.get_dagster_event().step_failure_data
        if failure.user_failure_data is not None:
            return str(failure.user_failure_data.description)
    return f"run {records[0].dagster_run.run_id} failed"
