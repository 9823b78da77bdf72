"""What the service answers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from churn_assets.domain.assignment import Arm
from churn_assets.learning.bands import Confidence, RiskBand

ReasonsStatus = Literal["given", "late", "unavailable"]


class Answer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One customer's score and what it means."""

    customer_id: int
    churn_probability: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    """Calibrated probability to leave within the month after `features_month`."""
    churn_prediction: bool
    confidence: Confidence
    risk_band: RiskBand
    threshold: float
    model_version: str
    arm: Arm
    experiment: str
    features_month: str | None
    features_stale: bool
    fallback: bool
    reasons: list[str] | msgspec.UnsetType = msgspec.UNSET
    reasons_status: ReasonsStatus | msgspec.UnsetType = msgspec.UNSET


class Unscored(msgspec.Struct, kw_only=True):
    """A customer of a batch who has no score."""

    customer_id: int
    problem: Literal["unknown_customer"]


class ArmTotals(msgspec.Struct, kw_only=True):
    """What one arm scored of a batch."""

    customers: int
    model_version: str


class Totals(msgspec.Struct, kw_only=True):
    """What a batch came to."""

    customers: int
    scored: int
    unknown: int
    predicted_churners: int
    mean_probability: float | None
    fallbacks: int
    arms: dict[str, ArmTotals]


class BatchAnswer(msgspec.Struct, kw_only=True):
    """The results in the order of the request, and the totals."""

    results: list[Answer | Unscored]
    totals: Totals
