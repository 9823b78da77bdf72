"""Whether a challenger may be promoted: facts that must be true of its evaluation, each with its evidence.

A gate fails closed: what cannot be told (NaN, an empty month, a month without churners) is not passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from churn_assets.learning.auc import Comparison
from churn_assets.learning.evaluation import Evaluation

GateMode = Literal["enabled", "dry_run", "disabled"]

AUC = "auc_at_least_floor"
RECALL = "recall_at_least_floor"
PRECISION = "precision_at_least_floor"
CALIBRATION = "calibration_within_tolerance"
PROFIT = "expected_profit_positive"
CHAMPION = "not_worse_than_champion"
POSSIBLE = "operating_point_is_possible"
GATE_NAMES = (AUC, RECALL, PRECISION, CALIBRATION, PROFIT, CHAMPION, POSSIBLE)

_TWO_MONTHS = math.sqrt(2.0)
# a contradiction within the evaluation is a defect of the evaluation, not of the model, so it warns
_MODES_BY_DEFAULT: Mapping[str, GateMode] = {POSSIBLE: "dry_run"}


@dataclass(frozen=True)
class GateSettings:
    """The floors and limits, and the mode of each gate.

    Attributes:
        auc_floor: least area under the ROC curve.
        recall_floor: least recall at the threshold.
        precision_floor: least precision at the threshold.
        mean_tolerance: most that the mean probability may differ from the churn rate, relative to the rate.
        ece_limit: greatest expected calibration error (20 quantile bins).
        sampling_errors: standard errors of chance that the calibration gate forgives beyond its limits.
        worse_margin: loss of area against the champion that does not matter.
        modes: per gate enabled (blocks), dry_run (warns) or disabled; enabled where a gate is not named.
    """

    auc_floor: float = 0.80
    recall_floor: float = 0.65
    precision_floor: float = 0.60
    mean_tolerance: float = 0.05
    ece_limit: float = 0.003
    sampling_errors: float = 3.0
    worse_margin: float = 0.002
    modes: dict[str, GateMode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a mode for a gate that does not exist: a misspelt gate would silently stay as it is."""
        if unknown := sorted(set(self.modes) - set(GATE_NAMES)):
            raise ValueError(f"no gate is called {', '.join(unknown)}: there are {', '.join(GATE_NAMES)}")

    def mode_of(self, gate: str) -> GateMode:
        """Return a gate's mode."""
        return self.modes.get(gate, _MODES_BY_DEFAULT.get(gate, "enabled"))


@dataclass(frozen=True)
class GateVerdict:
    """One gate's judgement with its evidence.

    Attributes:
        name: the fact that is true when the gate is passed.
        passed: whether it is.
        mode: whether a failure blocks, warns, or is only recorded.
        value: the number that was judged; NaN where it cannot be told.
        floor: the number that it was held against.
        sentence: both in words.
    """

    name: str
    passed: bool
    mode: GateMode
    value: float
    floor: float
    sentence: str

    @property
    def blocks(self) -> bool:
        """Whether this verdict forbids the promotion."""
        return self.mode == "enabled" and not self.passed

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for storage; NaN is None, `blocks` is there for readers."""
        plain = asdict(self) | {"blocks": self.blocks}
        return {name: None if isinstance(it, float) and math.isnan(it) else it for name, it in plain.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> GateVerdict:
        """Read what `to_dict` returned.

        Raises:
            ValueError: a part is missing.
        """
        try:
            value, floor = (
                math.nan if stored[name] is None else float(stored[name]) for name in ("value", "floor")
            )
            return cls(
                stored["name"], stored["passed"] is True, stored["mode"], value, floor, stored["sentence"]
            )
        except (KeyError, TypeError) as problem:
            raise ValueError(f"this is no stored verdict ({problem}): judge the model again") from problem


def judge_gates(
    evaluation: Evaluation, settings: GateSettings, champion: Comparison | None
) -> tuple[GateVerdict, ...]:
    """Judge an evaluation, a verdict for each of `GATE_NAMES` in that order.

    Args:
        evaluation: the challenger on the hold-out, at the threshold that was fixed before.
        settings: floors, limits, modes.
        champion: the paired comparison on the same customers; None where there is no champion.
    """
    judged = (
        _floor(AUC, "AUC", evaluation.auc, settings.auc_floor, evaluation),
        _floor(RECALL, "recall", evaluation.recall, settings.recall_floor, evaluation),
        _floor(PRECISION, "precision", evaluation.precision, settings.precision_floor, evaluation),
        _calibration(evaluation, settings),
        _profit(evaluation),
        _not_worse(champion, settings),
        _possible(evaluation, settings),
    )
    return tuple(
        GateVerdict(name, passed, settings.mode_of(name), value, floor, sentence)
        for name, passed, value, floor, sentence in judged
    )


def may_promote(verdicts: Iterable[GateVerdict]) -> bool:
    """Return whether every gate has a verdict and none blocks: without evidence there is no promotion."""
    found = {verdict.name: verdict for verdict in verdicts}
    return set(found) >= set(GATE_NAMES) and not any(verdict.blocks for verdict in found.values())


_Judged = tuple[str, bool, float, float, str]


def _floor(name: str, what: str, value: float, floor: float, evaluation: Evaluation) -> _Judged:
    """Hold a number against its floor; NaN is below every floor."""
    if math.isnan(value):
        return name, False, value, floor, f"{what} cannot be told: {_why_not(evaluation)}"
    passed = value >= floor
    where = "" if name == AUC else f" at the threshold {evaluation.threshold:.3f}"
    relation = "at least" if passed else "below"
    return name, passed, value, floor, f"{what} {value:.3f}{where} is {relation} the floor {floor:.2f}"


def _calibration(evaluation: Evaluation, settings: GateSettings) -> _Judged:
    """Hold mean and calibration error against their limits, or against what chance explains at this size.

    Chance plays twice: in the hold-out, and in the month that fixed the calibration, which is taken to be of its size.
    """
    found, rate = evaluation.reliability, evaluation.base_rate
    gap = abs(found.mean_probability - rate)
    limit = max(settings.mean_tolerance * rate, settings.sampling_errors * _TWO_MONTHS * found.mean_error)
    by_chance = _TWO_MONTHS * (found.ece_by_chance + settings.sampling_errors * found.ece_error)
    ece_limit = max(settings.ece_limit, by_chance)
    value = gap / rate if rate else math.nan
    tolerance = limit / rate if rate else math.nan
    evidence = (value, tolerance, found.mean_error, found.ece, found.ece_by_chance, found.ece_error)
    if not all(map(math.isfinite, evidence)) or not evaluation.churners:
        return CALIBRATION, False, math.nan, tolerance, f"calibration cannot be told: {_why_not(evaluation)}"
    sentence = (
        f"mean probability {found.mean_probability:.4f} against a churn rate of {rate:.4f} "
        f"({value:.1%} apart, {tolerance:.1%} allowed), calibration error {found.ece:.4f} ({ece_limit:.4f} allowed)"
    )
    return CALIBRATION, gap <= limit and found.ece <= ece_limit, value, tolerance, sentence


def _profit(evaluation: Evaluation) -> _Judged:
    """Demand that the campaign at the threshold is expected to earn more than it costs."""
    profit = evaluation.expected_profit
    if math.isnan(profit):
        return PROFIT, False, profit, 0.0, f"expected profit cannot be told: {_why_not(evaluation)}"
    sentence = (
        f"{evaluation.contacts} contacts are expected to earn {profit:.0f} EUR "
        f"(with the churners who were there: {evaluation.realised_profit:.0f} EUR)"
    )
    return PROFIT, profit > 0.0, profit, 0.0, sentence


def _not_worse(champion: Comparison | None, settings: GateSettings) -> _Judged:
    """Fail where the champion is better beyond chance, unless the loss is surely below what matters.

    At 550 churners the standard error of the difference is about .004, so a lower bound above -.002 could not even be
    shown for equal models; at 50,000 churners a difference of .0001 would be significant and mean nothing. So
    the challenger passes where the interval of the difference reaches 0, or lies wholly above -margin.
    """
    if champion is None:
        return CHAMPION, True, math.nan, -settings.worse_margin, "there is no champion to compare with"
    if math.isnan(champion.low) or math.isnan(champion.high):
        sentence = (
            f"the comparison with the champion cannot be told on {champion.churners} churners of "
            f"{champion.customers} customers"
        )
        return CHAMPION, False, math.nan, -settings.worse_margin, sentence
    passed = champion.high >= 0.0 or champion.low > -settings.worse_margin
    sentence = (
        f"AUC {champion.challenger_auc:.4f} against the champion's {champion.champion_auc:.4f} on the same "
        f"{champion.customers} customers: difference {champion.difference:+.4f}, 95 % interval {champion.low:+.4f} to "
        f"{champion.high:+.4f} (paired DeLong), {'not worse' if passed else 'worse'}"
    )
    return CHAMPION, passed, champion.difference, -settings.worse_margin, sentence


def _possible(evaluation: Evaluation, settings: GateSettings) -> _Judged:
    """Check the evaluation against itself: a proper score through (FPR, R) has AUC >= (1 + R - FPR) / 2.

    Chance moves both sides; what three standard errors of the area and of the recall explain is allowed.
    """
    bound = (1.0 + evaluation.recall - evaluation.false_positive_rate) / 2.0
    recall_error = (evaluation.recall_high - evaluation.recall_low) / (2.0 * 1.96)
    floor = bound - settings.sampling_errors * math.hypot(evaluation.auc_error, recall_error / 2.0)
    if math.isnan(evaluation.auc) or math.isnan(floor):
        return (
            POSSIBLE,
            False,
            math.nan,
            math.nan,
            f"the operating point cannot be told: {_why_not(evaluation)}",
        )
    passed = evaluation.auc >= floor
    sentence = (
        f"AUC {evaluation.auc:.3f} {'agrees with' if passed else 'contradicts'} recall {evaluation.recall:.3f} at a false "
        f"positive rate of {evaluation.false_positive_rate:.4f}, which needs {bound:.3f}"
        + ("" if passed else ": the evaluation has a defect, or the scores are no proper ranking")
    )
    return POSSIBLE, passed, evaluation.auc, floor, sentence


def _why_not(evaluation: Evaluation) -> str:
    """Return why a number is missing."""
    if evaluation.customers == 0:
        return "the hold-out month has no labelled customers"
    if evaluation.churners in {0, evaluation.customers}:
        return f"the hold-out has {evaluation.churners} churners of {evaluation.customers} customers, both kinds are needed"
    if evaluation.contacts == 0:
        return f"no customer reaches the threshold {evaluation.threshold:.3f}"
    return "a probability is missing or infinite"
