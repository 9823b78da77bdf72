"""How good a model is: ranking, threshold, calibration, scores, features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from churn_assets.plots.style import (
    BLUE,
    INK,
    LIGHT_BLUE,
    ORANGE,
    QUIET,
    empty_chart,
    legend,
    percent,
    png_of,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Numbers = Sequence[float] | npt.NDArray[np.floating | np.integer]
_BINS = 50


def roc_curve(
    false_positive_rate: Numbers,
    recall: Numbers,
    auc: float | None = None,
    point: tuple[float, float] | None = None,
) -> bytes:
    """Draw recall over the false positive rate; `point` is where the threshold lies."""
    title = "ROC curve" if auc is None else f"ROC curve: AUC {auc:.3f}"
    axes = empty_chart(
        title, "Stayers contacted, share of all stayers", "Churners found, share of all churners"
    )
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 4)), label="by chance")
    axes.plot(false_positive_rate, recall, color=BLUE, linewidth=2, label="model")
    if point is not None:
        axes.plot(*point, marker="o", markersize=7, color=ORANGE, linestyle="", label="at the threshold")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    legend(axes, "lower right")
    return png_of(axes)


def precision_recall_curve(
    recall: Numbers,
    precision: Numbers,
    *,
    point: tuple[float, float] | None = None,
    threshold: float | None = None,
    recall_floor: float | None = None,
    precision_floor: float | None = None,
) -> bytes:
    """Draw precision over recall, with the point (recall, precision) of the threshold and the gates' floors."""
    axes = empty_chart(
        "Precision and recall",
        "Recall: churners found, share of all churners",
        "Precision: churners among the contacts",
    )
    if recall_floor is not None and precision_floor is not None:
        corner = [recall_floor, 1.01, 1.01, recall_floor]
        axes.fill(
            corner,
            [precision_floor, precision_floor, 1.01, 1.01],
            color=LIGHT_BLUE,
            alpha=0.3,
            linewidth=0,
            label=f"gates: recall {recall_floor:.2f}, precision {precision_floor:.2f}",
        )
    axes.plot(recall, precision, color=BLUE, linewidth=2, label="model")
    if point is not None:
        label = "at the threshold" if threshold is None else f"at the threshold {threshold:.3g}"
        axes.plot(*point, marker="o", markersize=7, color=ORANGE, linestyle="", label=label)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    legend(axes, "lower left")
    return png_of(axes)


def reliability(mean_probability: Numbers, churn_rate: Numbers, customers: Numbers) -> bytes:
    """Draw the churn rate of groups of customers over their mean probability, with what chance allows (95 %).

    Both axes are logarithmic, since most customers lie near the base rate and the campaign near 1. A group
    without a churner has no place on them and is drawn at the foot.
    """
    predicted = np.asarray(mean_probability, dtype=np.float64)
    low, high = _wilson(np.asarray(churn_rate, dtype=np.float64), np.asarray(customers, dtype=np.float64))
    foot = max(1e-5, 0.5 * min(predicted[predicted > 0], default=1e-3))
    rate = np.clip(np.asarray(churn_rate, dtype=np.float64), foot, 1)
    axes = empty_chart(
        "Calibration: what was predicted and what came", "Mean predicted probability", "Churn rate"
    )
    axes.plot([foot, 1], [foot, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 4)), label="exactly right")
    bars = np.vstack((rate - np.clip(low, foot, rate), np.clip(high, rate, 1) - rate))
    axes.errorbar(
        np.clip(predicted, foot, 1),
        rate,
        yerr=bars,
        fmt="o",
        color=BLUE,
        ecolor=LIGHT_BLUE,
        elinewidth=2,
        markersize=5,
        label="groups of customers, 95 % interval",
    )
    axes.set(xscale="log", yscale="log", xlim=(foot, 1.2), ylim=(foot, 1.2))
    axes.grid(visible=False, which="minor")
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    axes.tick_params(which="minor", length=0)
    legend(axes, "upper left")
    return png_of(axes)


def score_histogram(probabilities: Numbers, threshold: float | None = None) -> bytes:
    """Draw how many customers have which probability, counts on a logarithmic axis."""
    counts, edges = np.histogram(np.asarray(probabilities), bins=_BINS, range=(0, 1))
    axes = empty_chart("Scores of the month", "Predicted probability to leave", "Customers (log)", grid="y")
    axes.bar(edges[:-1], counts, width=1 / _BINS, align="edge", color=BLUE, edgecolor="white", linewidth=0.5)
    _log_counts(axes, threshold, int(counts.max(initial=1)))
    return png_of(axes)


def outcome_histogram(
    lower_edges: Numbers, stayers: Numbers, churners: Numbers, threshold: float | None = None
) -> bytes:
    """Draw the probabilities of those who stayed and of those who left, from counts in bins of equal width."""
    edges = np.asarray(lower_edges)
    width = float(edges[1] - edges[0]) if edges.size > 1 else 1 / _BINS
    axes = empty_chart("Scores by what came", "Predicted probability to leave", "Customers (log)", grid="y")
    axes.bar(edges, stayers, width=width / 2, align="edge", color=LIGHT_BLUE, label="stayed")
    axes.bar(edges + width / 2, churners, width=width / 2, align="edge", color=BLUE, label="left")
    _log_counts(axes, threshold, int(np.max([*stayers, *churners], initial=1)))
    legend(axes, "upper right")
    return png_of(axes)


def importance_bars(names: Sequence[str], shares: Numbers) -> bytes:
    """Draw features by their share of the model's importance, in the order given, the first on top."""
    axes = empty_chart(
        "Features by importance", "Share of the gain", "", height=0.9 + 0.24 * len(names), grid="x"
    )
    places = np.arange(len(names))[::-1]
    axes.barh(places, shares, height=0.7, color=BLUE)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.xaxis.set_major_formatter(percent)
    return png_of(axes)


def lift_by_decile(lifts: Numbers) -> bytes:
    """Draw how many times the average churn each tenth of the customers has, the highest scores first."""
    heights = np.asarray(lifts, dtype=np.float64)
    axes = empty_chart(
        "Lift by tenth of the customers", "Tenth, highest scores first", "Churn rate over average", grid="y"
    )
    bars = axes.bar(np.arange(1, heights.size + 1), heights, width=0.75, color=BLUE)
    axes.bar_label(bars, fmt="{:.2g}", fontsize=8, color=INK, padding=2)
    axes.axhline(1, color=ORANGE, linewidth=1.2, linestyle=(0, (4, 4)), label="average")
    axes.set_xticks(np.arange(1, heights.size + 1))
    legend(axes, "upper right")
    return png_of(axes)


def _log_counts(axes: Axes, threshold: float | None, highest: int) -> None:
    """Set up the axes of a histogram of probabilities with logarithmic counts."""
    if threshold is not None:
        axes.axvline(threshold, color=ORANGE, linewidth=1.5, label=f"threshold {threshold:.3g}")
        legend(axes, "upper right")
    axes.set(xlim=(0, 1), ylim=(0.7, 2 * max(highest, 5)))  # before the scale, which would look for counts
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(thousands)
    axes.tick_params(which="minor", length=0)


def _wilson(rate: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return the bounds of Wilson's 95 % interval of each rate."""
    z = 1.96
    middle = (rate + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * np.sqrt(rate * (1 - rate) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return middle - half, middle + half
