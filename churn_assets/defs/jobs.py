"""The jobs: close a month, retrain, score; and the month by one click."""

from __future__ import annotations

import dagster as dg
from dagster import AssetSelection
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

Job = UnresolvedAssetJobDefinition
CLOSE = "close_month"
RETRAIN = "retrain"
SCORE = "score_month"
MONTHLY = "monthly_churn"

_CLOSING = AssetSelection.groups("raw", "cleaned", "features")
_SCORING = AssetSelection.groups("scoring", "retention", "monitoring", "serving")


def build() -> list[Job]:
    """Return the jobs; each takes a month as its partition.

    Retraining is a job of its own because its gates block within a run: a challenger that a gate stops must never keep
    the retention manager from a list scored with today's champion (ADR 2).
    """
    return [
        dg.define_asset_job(
            CLOSE,
            _CLOSING,
            description="Take a closed month in: deliveries, cleaned tables, features, matured labels.",
        ),
        dg.define_asset_job(
            RETRAIN,
            AssetSelection.groups("training"),
            description="Train a challenger on all labelled months, gate it on the newest, and let it become champion.",
        ),
        dg.define_asset_job(
            SCORE,
            _SCORING,
            description="Score a month with the champion of the day: scores, campaign list, drift report, online features.",
        ),
        dg.define_asset_job(
            MONTHLY,
            _CLOSING | _SCORING,
            description="A month in one run with the champion as it stands: take it in and score it, without retraining.",
        ),
    ]
