"""From which effect size on a movement is worth a warning or an alarm."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class DriftSettings:
    """Limits of the drift report; each counts from its value on.

    A normal distribution that moves by 0.1 standard deviations has a PSI of 0.01, by 0.3 of 0.09, by 0.5 of
    0.24.

    Attributes:
        psi_warn: population stability index of a feature that warns.
        psi_alarm: that alarms.
        w1_warn: Wasserstein-1 distance in standard deviations of the reference that warns.
        w1_alarm: that alarms.
        null_warn: change of the share of missing values that warns.
        null_alarm: that alarms; the feed is then to be asked first.
        score_psi_warn: population stability index of the scores that warns.
        score_psi_alarm: that alarms. Scores have the usual, wider limits: most of them lie close together, so
            that a harmless change of a thousandth moves whole deciles.
        score_mean_warn: relative change of the mean score, so of the churners to expect, that warns.
        score_mean_alarm: that alarms.
        share_warn: share of the model's importance in alarm that is of medium severity.
        share_alarm: that is, with a movement of the scores, drift.
        least_rows: with fewer rows on either side nothing is judged: one customer more or less is then a
            movement.
    """

    psi_warn: float = 0.02
    psi_alarm: float = 0.1
    w1_warn: float = 0.1
    w1_alarm: float = 0.3
    null_warn: float = 0.05
    null_alarm: float = 0.2
    score_psi_warn: float = 0.1
    score_psi_alarm: float = 0.25
    score_mean_warn: float = 0.2
    score_mean_alarm: float = 0.4
    share_warn: float = 0.1
    share_alarm: float = 0.3
    least_rows: int = 100

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(
                    f"{field.name} is {getattr(self, field.name)}: a limit of drift must be above 0"
                )
        for name in ("psi", "w1", "null", "score_psi", "score_mean", "share"):
            warn, alarm = getattr(self, f"{name}_warn"), getattr(self, f"{name}_alarm")
            if warn > alarm:
                raise ValueError(
                    f"{name}_warn is {warn}, above {name}_alarm {alarm}: a warning must come first"
                )
