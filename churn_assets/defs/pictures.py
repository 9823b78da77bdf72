"""Plots of a model and its evaluation, as metadata that Dagster shows beside the asset."""

from __future__ import annotations

import dagster as dg
import numpy as np
import numpy.typing as npt

from churn_assets.domain.economics import Economics, expected_profit
from churn_assets.learning.evaluation import Evaluation
from churn_assets.learning.gates import GateSettings
from churn_assets.learning.model import ChurnModel
from churn_assets.plots import charts

TOP_FEATURES = 15


def picture(png: bytes, name: str) -> dg.MarkdownMetadataValue:
    """Wrap a picture as Markdown, which Dagster renders."""
    return dg.MetadataValue.md(charts.as_markdown(png, name))


def importance(model: ChurnModel) -> dg.MarkdownMetadataValue:
    """Show the features by their share of the gain."""
    top = dict(list(model.importance().items())[:TOP_FEATURES])
    return picture(charts.importance_bars(list(top), list(top.values())), "features by importance")


def profit_curve(
    probabilities: npt.NDArray[np.float64], chosen: int, economics: Economics
) -> dg.MarkdownMetadataValue:
    """Show what campaigns of other sizes are expected to earn, up to four times the chosen one."""
    falling = np.sort(probabilities)[::-1][: max(4 * chosen, 100)]
    earned = np.concatenate([[0.0], np.cumsum(expected_profit(falling, economics))])
    shown = np.unique(np.linspace(0, len(falling), 200).astype(int))
    return picture(charts.profit_curve(shown, earned[shown], chosen), "expected profit by size")


def evaluation(judged: Evaluation, gates: GateSettings) -> dict[str, dg.MarkdownMetadataValue]:
    """Show the curves of an evaluation, with the floors of the gates; nothing where a class is empty."""
    if not judged.roc:
        return {}
    at_threshold = (judged.recall, judged.precision)
    recall, precision, _ = np.array(judged.precision_recall).T
    edges, stayers, churners = np.array(judged.histogram).T
    points = np.array(judged.reliability.points)
    false_positive_rate, found = np.array(judged.roc).T
    roc = charts.roc_curve(
        false_positive_rate, found, auc=judged.auc, point=(judged.false_positive_rate, judged.recall)
    )
    curve = charts.precision_recall_curve(
        recall,
        precision,
        point=at_threshold,
        threshold=judged.threshold,
        recall_floor=gates.recall_floor,
        precision_floor=gates.precision_floor,
    )
    return {
        "roc_curve": picture(roc, "ROC curve"),
        "precision_recall_curve": picture(curve, "precision and recall"),
        "calibration": picture(charts.reliability(*points.T), "calibration"),
        "score_histogram": picture(
            charts.outcome_histogram(edges, stayers, churners, judged.threshold), "scores by what came"
        ),
        "lift_by_decile": picture(charts.lift_by_decile(judged.lift), "lift by tenth"),
    }
