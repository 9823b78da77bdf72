"""Which model version is the champion, month by month: decisions in the lake, aliases in the registry, the trail first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.lake import Lake, Written
from churn_assets.adapters.registry import CHAMPION, ModelRegistry
from churn_assets.domain.months import Month

DECISIONS = "champion"
CHALLENGERS = "challenger_model"


@dataclass(frozen=True)
class Decision:
    """What the close of a month decided about the champion.

    Attributes:
        month: the month whose close decided.
        version: the champion's registered version after the decision.
        digest: the digest of its files.
        trained_at: the month at whose close it was trained.
        learned_from: digest of the deliveries that it learned from.
        promoted: whether this decision changed the champion.
        reason: why, in a sentence.
    """

    month: str
    version: str
    digest: str
    trained_at: str
    learned_from: str
    promoted: bool
    reason: str


def champion_at(lake: Lake, month: Month) -> Decision | None:
    """Return the decision in force at the close of a month, or None where no model has been promoted by then.

    A decision stands only while its month's challenger learns from the same deliveries: after a correction, the
    promotion of a model trained on the wrong data no longer counts. A challenger that other settings made, and that a
    gate stopped, takes nothing from the champion.
    """
    for decided in reversed([decided for decided in lake.months(DECISIONS) if decided <= month]):
        row = lake.read(DECISIONS, decided).rename({"decided_month": "month"}).row(0, named=True)
        decision = Decision(**row)
        if _stands(lake, decision):
            return decision
    return None


def _stands(lake: Lake, decision: Decision) -> bool:
    trained = Month.parse(decision.trained_at)
    if not lake.has(CHALLENGERS, trained):
        return False
    return bool(lake.read(CHALLENGERS, trained)["learned_from"].item() == decision.learned_from)


def record_decision(
    decision: Decision,
    *,
    lake: Lake,
    registry: ModelRegistry,
    audit: AuditLog,
    actor: str,
    at: datetime,
    run_id: str,
) -> Written:
    """Write a decision: the audit log first, then the alias, then the lake, so that a kill never hides a change.

    The alias `champion` moves only with the newest decision; a recomputed past month does not change what serves today.
    """
    audit.append(
        actor=actor,
        action="promote" if decision.promoted else "keep",
        subject=f"{DECISIONS}/{decision.month}",
        details={"version": decision.version, "digest": decision.digest, "reason": decision.reason},
        at=at,
    )
    newest = all(decided <= Month.parse(decision.month) for decided in lake.months(DECISIONS))
    if newest:
        registry.point(CHAMPION, decision.version)
    row = pl.DataFrame([decision.__dict__]).rename({"month": "decided_month"})
    return lake.write(DECISIONS, Month.parse(decision.month), row, run_id=run_id)
