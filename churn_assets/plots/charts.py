"""All charts by name: what an asset shows beside its numbers."""

from churn_assets.plots.model_charts import (
    importance_bars,
    lift_by_decile,
    outcome_histogram,
    precision_recall_curve,
    reliability,
    roc_curve,
    score_histogram,
)
from churn_assets.plots.money_charts import campaign_value, profit_curve
from churn_assets.plots.style import as_markdown

__all__ = [
    "as_markdown",
    "campaign_value",
    "importance_bars",
    "lift_by_decile",
    "outcome_histogram",
    "precision_recall_curve",
    "profit_curve",
    "reliability",
    "roc_curve",
    "score_histogram",
]
