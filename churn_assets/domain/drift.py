"""Has the population moved away from what the champion learned? Effect sizes on all rows, and one verdict.

Each feature is judged by how far its distribution moved (`domain.drift_measures`): the population stability
index over the reference's deciles with the missing values as a bin of their own, for numbers the
Wasserstein-1 distance in standard deviations of the reference too, and the change of the share of missing
values. What chance explains counts as nothing.

The verdict. Inputs move with seasons and tariffs, and most of it does not matter to the model. So inputs
count by the importance that the model gives them, and they alone are not enough: the scores must have moved
as well.

| severity | rule |
|---|---|
| critical | the scores alarm, and features of `share_alarm` of the importance alarm |
| high | the scores alarm; or they warn and features of `share_alarm` of the importance alarm |
| medium | the scores warn, or features of `share_warn` of the importance alarm |
| low | a feature warns or alarms |
| none | nothing does |

`drifted` is high or critical. Where there are no scores to compare, inputs decide: `share_alarm` is high.
Scores of both sides must be of the same model, and the reference's of months that it was not trained on: a
model is surer of its own training rows. Not seen here is a change of the link from features to churn: only
labels show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from churn_assets.domain.drift_findings import DriftReport, FeatureDrift
from churn_assets.domain.drift_movement import Movement, category_movement, number_movement
from churn_assets.domain.drift_profile import SCORE, Feature, ReferenceProfile, reference_profile, require
from churn_assets.domain.drift_settings import DriftSettings
from churn_assets.domain.drift_verdict import feature_status, score_status, sentence_of, severity_of
from churn_assets.domain.months import Month

__all__ = [
    "SCORE",
    "DriftReport",
    "DriftSettings",
    "FeatureDrift",
    "Movement",
    "ReferenceProfile",
    "drift_report",
    "reference_profile",
]


def drift_report(
    reference: ReferenceProfile,
    current: pl.DataFrame,
    features: Iterable[Feature],
    importance: Mapping[str, float] | None,
    settings: DriftSettings,
    month: Month | str,
) -> DriftReport:
    """Compare a month with the reference.

    Args:
        reference: what the champion learned from or was judged on.
        current: the month's feature matrix; with a column `churn_probability`, the scores too.
        features: the features to judge.
        importance: what each feature means to the model, in any unit, absent ones nothing; None: all the
            same.
        settings: the limits.
        month: the month.

    Raises:
        ValueError: the month has no rows, lacks a feature, or an importance is negative.
    """
    if current.is_empty():
        raise ValueError(f"the drift of {month} cannot be judged: it has no rows")
    listed = list(features)
    require(current, listed)
    weights = _shares(importance, [feature.name for feature in listed])
    comparison = _Comparison(reference, current, settings)
    judged = {feature.name: comparison.feature(feature, weights[feature.name]) for feature in listed}
    drifts = tuple(drift for drift in judged.values() if drift is not None)
    alarms = sorted(
        (drift for drift in drifts if drift.status == "alarm"), key=lambda drift: -drift.importance
    )
    share = min(sum(drift.importance for drift in alarms), 1.0)
    score = comparison.score()
    severity = severity_of(
        [drift.status for drift in drifts], share, score.status if score else None, settings
    )
    sentence = sentence_of(
        severity,
        alarms=[drift.name for drift in alarms],
        share=share,
        score=score.movement if score else None,
        broken=[drift.name for drift in alarms if abs(drift.movement.null_change) >= settings.null_alarm],
    )
    return DriftReport(
        month=str(month),
        reference_months=reference.months,
        rows=current.height,
        reference_rows=reference.rows,
        features=drifts,
        unjudged=tuple(name for name, drift in judged.items() if drift is None),
        score=score,
        share_in_alarm=share,
        severity=severity,
        sentence=sentence
        if comparison.speaks
        else f"Too few rows to judge: {settings.least_rows} are needed.",
    )


@dataclass(frozen=True)
class _Comparison:
    """A month beside its reference."""

    reference: ReferenceProfile
    current: pl.DataFrame
    settings: DriftSettings

    @property
    def speaks(self) -> bool:
        """Whether both sides have enough rows."""
        return min(self.reference.rows, self.current.height) >= self.settings.least_rows

    def feature(self, feature: Feature, importance: float) -> FeatureDrift | None:
        """Judge one feature; None where the reference does not know it."""
        column = self.current[feature.name]
        if feature.kind == "number":
            number = self.reference.number(feature.name)
            movement = None if number is None else number_movement(number, column)
        else:
            category = self.reference.category(feature.name)
            movement = None if category is None else category_movement(category, column)
        if movement is None:
            return None
        status = feature_status(movement, self.settings) if self.speaks else "none"
        return FeatureDrift(feature.name, feature.kind, importance, status, movement)

    def score(self) -> FeatureDrift | None:
        """Judge the scores; None where either side has none."""
        profile = self.reference.number(SCORE)
        if profile is None or SCORE not in self.current.columns:
            return None
        movement = number_movement(profile, self.current[SCORE])
        status = score_status(movement, self.settings) if self.speaks else "none"
        return FeatureDrift(SCORE, "score", 0.0, status, movement)


def _shares(importance: Mapping[str, float] | None, names: list[str]) -> dict[str, float]:
    """Return each feature's share of the importance; equal shares where none is known."""
    given = {name: 1.0 if importance is None else importance.get(name, 0.0) for name in names}
    wrong = [name for name, value in given.items() if not value >= 0]
    if wrong:
        raise ValueError(f"the importance of {wrong[0]} is {given[wrong[0]]}: it must be 0 or more")
    whole = sum(given.values())
    return {name: value / whole if whole else 1 / len(names) for name, value in given.items()}
