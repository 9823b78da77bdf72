"""The drift report as a value: what was found for each feature, the verdict, JSON and table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from churn_assets.domain.drift_movement import Movement, Status
from churn_assets.domain.drift_verdict import Severity

_ROW = pl.Schema(
    {
        "month": pl.String(),
        "feature": pl.String(),
        "kind": pl.String(),
        "importance": pl.Float64(),
        "status": pl.String(),
        "psi": pl.Float64(),
        "w1_sd": pl.Float64(),
        "null_change": pl.Float64(),
        "reference_null_share": pl.Float64(),
        "null_share": pl.Float64(),
        "reference_mean": pl.Float64(),
        "mean": pl.Float64(),
    }
)


@dataclass(frozen=True)
class FeatureDrift:
    """The drift of one feature, or of the scores.

    Attributes:
        name: the column.
        kind: number, category or score.
        importance: its share of the model's importance, 0 to 1; 0 for the scores.
        status: none, warn or alarm.
        movement: how far it moved.
    """

    name: str
    kind: Literal["number", "category", "score"]
    importance: float
    status: Status
    movement: Movement


@dataclass(frozen=True)
class DriftReport:
    """The drift of a month against the reference.

    Attributes:
        month: the month.
        reference_months: what it is compared with.
        rows: customers of the month.
        reference_rows: rows of the reference.
        features: every feature, in the order given.
        unjudged: features that the reference does not know.
        score: the scores; None where either side has none.
        share_in_alarm: share of the model's importance whose features alarm, 0 to 1.
        severity: none, low, medium, high or critical.
        sentence: the verdict in words.
    """

    month: str
    reference_months: tuple[str, ...]
    rows: int
    reference_rows: int
    features: tuple[FeatureDrift, ...]
    unjudged: tuple[str, ...]
    score: FeatureDrift | None
    share_in_alarm: float
    severity: Severity
    sentence: str

    @property
    def drifted(self) -> bool:
        """Whether retraining should be asked for."""
        return self.severity in {"high", "critical"}

    def to_json(self) -> str:
        """Return the report as JSON, numbers exact."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> DriftReport:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no report.
        """
        try:
            plain = json.loads(text)
            plain["features"] = tuple(_feature(feature) for feature in plain["features"])
            plain["score"] = None if plain["score"] is None else _feature(plain["score"])
            return cls(**_tuples(plain))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no drift report ({error}): materialise it anew") from None

    def to_frame(self) -> pl.DataFrame:
        """Return a row a feature, and one for the scores."""
        listed = (*self.features, self.score) if self.score else self.features
        return pl.DataFrame([_row(self.month, feature) for feature in listed], schema=_ROW, orient="row")


def _row(month: str, drift: FeatureDrift) -> tuple[Any, ...]:
    moved = drift.movement
    return (
        month,
        drift.name,
        drift.kind,
        drift.importance,
        drift.status,
        moved.psi,
        moved.w1,
        moved.null_change,
        *moved.null_share,
        *moved.mean,
    )


def _feature(plain: dict[str, Any]) -> FeatureDrift:
    return FeatureDrift(**{**plain, "movement": Movement(**_tuples(plain["movement"]))})


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
