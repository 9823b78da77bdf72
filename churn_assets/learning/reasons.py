"""Why a customer is at risk, in words that an agent can say: causes, not columns."""

from __future__ import annotations

import numpy as np
import polars as pl

from churn_assets.learning.inputs import Floats
from churn_assets.learning.model import ChurnModel


def top_reasons(model: ChurnModel, frame: pl.DataFrame, count: int = 3) -> list[list[str]]:
    """Return for each customer the causes that raise the risk most, the strongest first; fewer where fewer raise it.

    A cause's strength is the sum of the TreeSHAP values of its features, so that several columns which tell the same
    story count once, and cancel where they contradict each other. Sensitive features are never given as a reason.

    Args:
        model: its contract names each feature's cause.
        frame: the feature matrix of the customers in question (about 4 ms each).
        count: at most so many causes a customer.
    """
    return strongest_causes(model, model.contributions(frame), count)


def strongest_causes(model: ChurnModel, contributions: Floats, count: int = 3) -> list[list[str]]:
    """Return the same from TreeSHAP values that are there already, a row per customer."""
    causes, strengths = _by_cause(model, contributions)
    if not causes:
        return [[] for _ in range(len(contributions))]
    order = np.argsort(-strengths, axis=1, kind="stable")[:, :count]
    return [
        [causes[place] for place in places if strengths[row, place] > 0.0]
        for row, places in enumerate(order.tolist())
    ]


def _by_cause(model: ChurnModel, contributions: Floats) -> tuple[list[str], Floats]:
    """Return the causes in the contract's order, and a column of summed contributions for each."""
    columns: dict[str, list[int]] = {}
    for place, feature in enumerate(model.contract.features):
        if not feature.sensitive:
            columns.setdefault(feature.cause or feature.name, []).append(place)
    summed = [contributions[:, places].sum(axis=1) for places in columns.values()]
    return list(columns), np.column_stack(summed) if summed else np.empty((len(contributions), 0))
