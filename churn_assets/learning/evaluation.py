"""How good a model was on one month whose labels are known: every number that a gate, a plot or a card needs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

from churn_assets.domain.economics import Economics, account
from churn_assets.learning.auc import NAN, Comparison, auc_of, compare_auc
from churn_assets.learning.curves import (
    Points,
    Ranking,
    average_precision,
    lift_by_decile,
    precision_recall_points,
    roc_points,
    score_histogram,
)
from churn_assets.learning.inputs import Flags, Floats
from churn_assets.learning.reliability import Reliability, reliability_of


@dataclass(frozen=True)
class Evaluation:
    """A model on the customers of one month; a number that cannot be told is NaN, and no gate passes on it.

    Intervals are 95 %. Money is EUR for this one month's campaign.

    Attributes:
        customers: customers with a label.
        churners: how many of them left.
        base_rate: their share.
        auc: area under the ROC curve, with `auc_error`, `auc_low`, `auc_high` (DeLong).
        pr_auc: average precision.
        log_loss: mean, natural logarithm.
        brier: mean squared error; `brier_of_base_rate` is that of a model that knows the base rate only.
        threshold: the line that was fixed before this month was opened.
        contacts: customers at or above it; `churners_found` of them left.
        recall: found of all churners, with `recall_low`, `recall_high` (Wilson).
        precision: found of all contacts, with `precision_low`, `precision_high` (Wilson).
        false_positive_rate: contacts who stayed, of all who stayed.
        lift: churn rate of each tenth of the customers over the base rate, highest scores first.
        recall_at_top_fifth: share of the churners among the fifth with the highest scores.
        reliability: whether the probabilities are true.
        expected_profit: of contacting everyone at or above the threshold, by the probabilities.
        realised_profit: the same by the churners who were there.
        roc: points (false positive rate, recall).
        precision_recall: points (recall, precision, threshold).
        histogram: per bin of 0.02 (lower edge, stayers, churners).
    """

    customers: int
    churners: int
    base_rate: float
    auc: float
    auc_error: float
    auc_low: float
    auc_high: float
    pr_auc: float
    log_loss: float
    brier: float
    brier_of_base_rate: float
    threshold: float
    contacts: int
    churners_found: int
    recall: float
    recall_low: float
    recall_high: float
    precision: float
    precision_low: float
    precision_high: float
    false_positive_rate: float
    lift: tuple[float, ...]
    recall_at_top_fifth: float
    reliability: Reliability
    expected_profit: float
    realised_profit: float
    roc: Points
    precision_recall: Points
    histogram: Points

    def metrics(self) -> dict[str, float]:
        """Return the single numbers by name, those of `reliability` among them; NaN where one cannot be told."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        calibration = {
            entry.name: getattr(self.reliability, entry.name) for entry in fields(self.reliability)
        }
        return {
            name: float(value)
            for name, value in (own | calibration).items()
            if isinstance(value, int | float)
        }

    def to_json(self) -> str:
        """Return a JSON document; NaN is written as null."""
        return json.dumps(_without_nan(asdict(self)), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Read a document that `to_json` wrote.

        Raises:
            ValueError: the document is no evaluation.
        """
        try:
            document = json.loads(text)
            document["reliability"] = Reliability(**_with_nan(Reliability, document["reliability"]))
            return cls(**_with_nan(cls, document))
        except (KeyError, TypeError, ValueError) as problem:
            raise ValueError(
                f"this is no stored evaluation ({problem}): evaluate the model again"
            ) from problem


def evaluate(
    churned: npt.ArrayLike, probability: npt.ArrayLike, threshold: float, economics: Economics
) -> Evaluation:
    """Judge probabilities on a month.

    An empty month, or one without churners or without stayers, yields NaN where nothing can be told.

    Args:
        churned: the label of each customer; anything that numpy reads as true or false.
        probability: the calibrated probability of each customer.
        threshold: the line that was fixed before.
        economics: cost and worth of a contact.

    Raises:
        ValueError: not one probability per label.
    """
    labels, scores = np.asarray(churned).astype(np.bool_), np.asarray(probability, dtype=np.float64)
    if labels.shape != scores.shape:
        raise ValueError(
            f"{labels.size} labels and {scores.size} probabilities: score exactly the labelled customers"
        )
    known = bool(np.isfinite(scores).all())
    ranking = Ranking.of(labels, scores)
    area, rate = auc_of(labels, scores), _share(int(labels.sum()), len(labels))
    contacted = scores >= threshold
    contacts, churners, found = int(contacted.sum()), int(labels.sum()), int((labels & contacted).sum())
    return Evaluation(
        customers=len(labels),
        churners=churners,
        base_rate=rate,
        auc=area.value,
        auc_error=area.error,
        auc_low=area.low,
        auc_high=area.high,
        pr_auc=average_precision(ranking) if known else NAN,
        log_loss=_log_loss(labels, scores),
        brier=_mean((scores - labels) ** 2),
        brier_of_base_rate=rate * (1.0 - rate),
        threshold=threshold,
        contacts=contacts,
        churners_found=found,
        recall=_share(found, churners),
        recall_low=_wilson(found, churners)[0],
        recall_high=_wilson(found, churners)[1],
        precision=_share(found, contacts),
        precision_low=_wilson(found, contacts)[0],
        precision_high=_wilson(found, contacts)[1],
        false_positive_rate=_share(contacts - found, len(labels) - churners),
        lift=(lift := lift_by_decile(labels, scores)),
        recall_at_top_fifth=(lift[0] + lift[1]) / 10.0 if lift else NAN,
        reliability=reliability_of(labels, scores),
        expected_profit=account(contacts, float(scores[contacted].sum()), economics).profit_eur
        if known
        else NAN,
        realised_profit=account(contacts, found, economics).profit_eur if known else NAN,
        roc=roc_points(ranking) if known else (),
        precision_recall=precision_recall_points(ranking) if known else (),
        histogram=score_histogram(labels, scores) if known else (),
    )


def compare(churned: npt.ArrayLike, challenger: Floats, champion: Floats) -> Comparison:
    """Compare a challenger with a champion on the same customers of one month, in the same order (paired DeLong).

    Raises:
        ValueError: the three arrays have not one entry per customer each.
    """
    return compare_auc(np.asarray(churned).astype(np.bool_), challenger, champion)


def _share(part: int, whole: int) -> float:
    """Return part / whole; NaN of nothing."""
    return part / whole if whole else NAN


def _mean(values: Floats) -> float:
    """Return the mean; NaN of nothing."""
    return float(values.mean()) if len(values) else NAN


def _log_loss(churned: Flags, probability: Floats) -> float:
    """Return the mean log loss; certainty is taken as 1e-12 short of it, so that one error is not infinite."""
    inside = np.clip(probability, 1e-12, 1.0 - 1e-12)
    return _mean(-np.where(churned, np.log(inside), np.log1p(-inside)))


def _wilson(part: int, whole: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; NaN of nothing."""
    if whole == 0:
        return NAN, NAN
    z, share = 1.959963984540054, part / whole
    centre = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _without_nan(value: Any) -> Any:  # noqa: ANN401  any part of a JSON document
    """Return the document with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(kind: type, document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as the dataclass holds them: NaN for null, tuples for lists."""
    hints = get_type_hints(kind)
    return {
        name: NAN if value is None and hints.get(name) is float else _tuples(value)
        for name, value in document.items()
    }


def _tuples(value: Any) -> Any:  # noqa: ANN401  any part of a JSON document
    """Return lists as tuples, all the way down."""
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
