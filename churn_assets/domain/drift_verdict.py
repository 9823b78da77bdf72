"""From the drift of features and scores to one verdict: the rule of `domain.drift`, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from churn_assets.domain.drift_movement import Movement, Status
from churn_assets.domain.drift_settings import DriftSettings

Severity = Literal["none", "low", "medium", "high", "critical"]
_NAMED = 3


def feature_status(movement: Movement, settings: DriftSettings) -> Status:
    """Return whether a feature's movement warns or alarms."""
    return _status(
        (movement.psi, settings.psi_warn, settings.psi_alarm),
        (movement.w1 or 0.0, settings.w1_warn, settings.w1_alarm),
        (abs(movement.null_change), settings.null_warn, settings.null_alarm),
    )


def score_status(movement: Movement, settings: DriftSettings) -> Status:
    """Return whether the scores' movement warns or alarms."""
    return _status(
        (movement.psi, settings.score_psi_warn, settings.score_psi_alarm),
        (_relative(movement), settings.score_mean_warn, settings.score_mean_alarm),
        (movement.w1 or 0.0, settings.w1_warn, settings.w1_alarm),
    )


def severity_of(
    features: Sequence[Status], share_in_alarm: float, score: Status | None, settings: DriftSettings
) -> Severity:
    """Return the severity by the rule of `domain.drift`; score None means that there are no scores."""
    much = share_in_alarm >= settings.share_alarm
    if score == "alarm":
        return "critical" if much else "high"
    if much and (score == "warn" or score is None):
        return "high"
    if score == "warn" or share_in_alarm >= settings.share_warn:
        return "medium"
    return "none" if all(status == "none" for status in features) else "low"


def sentence_of(
    severity: Severity,
    *,
    alarms: Sequence[str],
    share: float,
    score: Movement | None,
    broken: Sequence[str],
) -> str:
    """Say what moved and what to do, for a person who reads nothing else.

    Args:
        severity: the verdict.
        alarms: features in alarm, the most important first.
        share: their share of the model's importance.
        score: the scores' movement, or None where there are no scores.
        broken: features whose share of missing values changed so much that the feed is in doubt.
    """
    parts = [_inputs(alarms, share), _scores(score), _ADVICE[severity]]
    if broken:
        parts.append(f"First ask whether the feed is whole: the missing values of {_listed(broken)} changed.")
    return " ".join(part for part in parts if part)


_ADVICE: dict[Severity, str] = {
    "none": "Nothing to do.",
    "low": "Nothing to do.",
    "medium": "Watch the next month.",
    "high": "Retraining is due.",
    "critical": "Retraining is due; look at the campaign list before it is used.",
}


def _inputs(alarms: Sequence[str], share: float) -> str:
    if not alarms:
        return "The inputs are stable."
    return f"{_listed(alarms)} moved: {share * 100:.0f} % of the model's importance."


def _scores(score: Movement | None) -> str:
    if score is None:
        return "There are no scores of this model to compare."
    was, now = score.mean
    means = "" if was is None or now is None else f", mean {was * 100:.2f} % to {now * 100:.2f} %"
    return f"Scores: PSI {score.psi:.2f}{means}."


def _relative(movement: Movement) -> float:
    """Return the size of the mean's change as a share of the reference's mean."""
    if not movement.mean_change or not movement.mean[0]:
        return 0.0
    return abs(movement.mean_change / movement.mean[0])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _status(*judged: tuple[float, float, float]) -> Status:
    """Return the worst of (effect, limit of a warning, limit of an alarm)."""
    if any(effect >= alarm for effect, _, alarm in judged):
        return "alarm"
    return "warn" if any(effect >= warn for effect, warn, _ in judged) else "none"
