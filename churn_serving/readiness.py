"""What `/ready` says: the versions, the split, the online store, and what could not be taken over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from churn_serving.replica_status import Failure
from churn_serving.state import ArmView, InForce, StoreView


def report_of(force: InForce | None, failures: Iterable[Failure], *, away: bool) -> dict[str, Any]:
    """Return the document of a replica.

    Args:
        force: what answers; None where nothing does.
        failures: what could not be taken over.
        away: whether the challenger is asked no more at the moment.
    """
    told = [{"what": each.what, "name": each.name, "reason": each.reason, "at": each.at} for each in failures]
    if force is None:
        return {"ready": False, "failures": told}
    configuration = force.served.configuration
    trial = force.served.challenger
    split = {"share": configuration.challenger_share, "shadow": configuration.shadow, "away": away}
    return {
        "ready": True,
        "configuration": configuration.number,
        "experiment": configuration.experiment,
        "champion": _model(force.served.champion),
        "challenger": None if trial is None else _model(trial) | split,
        "online_store": None if force.store is None else _store(force.store),
        "failures": told,
    }


def _model(view: ArmView) -> dict[str, Any]:
    return {"version": view.served.version, "digest": view.served.digest}


def _store(view: StoreView) -> dict[str, Any]:
    manifest = view.snapshot.manifest
    return {
        "snapshot": manifest.snapshot_id,
        "month": view.month,
        "customers": manifest.rows,
        "age_seconds": round(view.age.total_seconds()),
        "stale": view.stale,
    }
