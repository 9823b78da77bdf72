"""One month from deliveries to campaign list, through Dagster, after two months of history.

A champion needs four labelled months, so it is trained on a small operator and brought in: what is measured is the
month of the large one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.champions import CHALLENGERS, champion_at, record_decision
from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.defs.jobs import CLOSE, SCORE
from churn_assets.defs.live import Life
from churn_assets.defs.project import Project
from churn_assets.domain.months import Month
from churn_tests.benchmarks.operators import EPOCH, deliver_months, trained_home

HISTORY = 2
MONTH = Month(2025, 12)


def prepare_deliveries(home: Path, customers: int) -> int:
    """Let the operator deliver the history and the month."""
    return deliver_months(home, customers, months=HISTORY + 1, until=MONTH)


def prepare_champion(home: Path, customers: int) -> int:
    """Bring in a champion that was trained on a small operator."""
    del customers
    small = trained_home(home / "small")
    champion = champion_at(Lake(str(small.lake)), MONTH)
    assert champion is not None, "the small operator's challengers were all stopped"
    large = _project(home).home
    registry = ModelRegistry(
        f"sqlite:///{large.mlflow_database}", large.mlflow_artifacts.as_uri(), large.models
    )
    source = ModelRegistry("", "", small.models).folder(champion.digest)
    source.rename(registry.folder(champion.digest))
    brought = MONTH.plus(-HISTORY)
    version = registry.register(champion.digest, month=str(brought), metrics={}, params={}, tags={})
    lake = Lake(str(large.lake))
    row = Lake(str(small.lake)).read(CHALLENGERS, Month.parse(champion.trained_at))
    lake.write(CHALLENGERS, brought, row.with_columns(pl.lit(version.version).alias("version")))
    decision = replace(
        champion, month=str(brought), version=version.version, trained_at=str(brought), reason="brought in"
    )
    record_decision(
        decision,
        lake=lake,
        registry=registry,
        audit=AuditLog(large.audit_log),
        actor="benchmark",
        at=EPOCH,
        run_id="",
    )
    return 1


def prepare_history(home: Path, customers: int) -> int:
    """Take in the months before."""
    del customers
    return sum(_stage(home, CLOSE, MONTH.plus(-before)) for before in range(HISTORY, 0, -1))


def close(home: Path, customers: int) -> int:
    """Take the month in: deliveries, cleaned tables, features, labels."""
    del customers
    return _stage(home, CLOSE, MONTH)


def score(home: Path, customers: int) -> int:
    """Score it: scores, campaign list, drift report."""
    del customers
    _stage(home, SCORE, MONTH)
    return Lake(str(home / "lake")).read("churn_scores", MONTH).height


def _project(home: Path) -> Project:
    opened = Home(home)
    opened.prepare()
    os.environ["DAGSTER_HOME"] = str(opened.dagster)
    return Project.of(opened)


def _stage(home: Path, job: str, month: Month) -> int:
    project = _project(home)
    with dg.DagsterInstance.get() as instance:
        done = Life(project, instance).stage(job, month)
    assert done.outcome == "done", done.sentence
    lake = Lake(str(home / "lake"))
    names = [f"cleaned_{table.name}" for table in project.tables]
    return sum(lake.scan(name, [month]).select(pl.len()).collect().item() for name in names)


STAGES = {
    "prepare deliveries": prepare_deliveries,
    "prepare champion": prepare_champion,
    "prepare history": prepare_history,
    "close the month": close,
    "score the month": score,
}
