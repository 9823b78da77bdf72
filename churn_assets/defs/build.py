"""Puts the layers together; tests override resources here and get fresh definitions."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from churn_assets.adapters.home import Home
from churn_assets.defs import (
    challenger,
    cleaned,
    features,
    gates,
    jobs,
    monitoring,
    promotion,
    raw,
    retention,
    schedules,
    scoring,
    sensors,
    serving_store,
    training_set,
)
from churn_assets.defs.project import Project


def build_definitions(home: Home, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Return the definitions of one home.

    Args:
        home: where its state lies.
        resources: overrides of `lake`, `source`, `registry`, `audit` and `online_store`.
    """
    return definitions_of(Project.of(home), resources)


def definitions_of(project: Project, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Return the definitions of a project that has been read."""
    closing, training = (raw, cleaned, features), (training_set, challenger, promotion)
    layers = (*closing, *training, scoring, retention, monitoring, serving_store)
    by_name = {job.name: job for job in jobs.build()}
    return dg.Definitions(
        assets=[asset for layer in layers for asset in layer.build(project)],
        asset_checks=gates.build(project),
        jobs=list(by_name.values()),
        schedules=schedules.build(project, by_name),
        sensors=sensors.build(project, by_name),
        resources={**project.resources, **(resources or {})},
        # A month takes seconds and a process of its own nine of them to start; a cluster sets its own executor.
        executor=dg.in_process_executor,
    )
