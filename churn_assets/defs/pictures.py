"""Plots of a model and its evaluation, as metadata that Dagster shows beside the asset."""

from __future__ import annotations

import dagster as dg
import numpy as np

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


def evaluation(judged: Evaluation, gates: GateSettings) -> dict[str, dg.MarkdownMetadataValue]:
    """Show the curves of an evaluation, with the floors of the gates."""
    if not judged.roc:
        return {}
    return {"roc_curve": picture(charts.roc_curve(*np.array(judged.roc).T), "ROC curve")}
