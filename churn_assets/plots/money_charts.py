"""What campaigns are worth, EUR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from churn_assets.plots.style import (
    BLUE,
    INK,
    LIGHT_BLUE,
    ORANGE,
    QUIET,
    empty_chart,
    euro,
    legend,
    png_of,
    thousands,
)

Numbers = Sequence[float] | npt.NDArray[np.floating | np.integer]


def profit_curve(contacts: Numbers, profit_eur: Numbers, chosen: int | None = None) -> bytes:
    """Draw the expected profit over the number of contacts, the most valuable customers first.

    Args:
        contacts: numbers of contacts, rising.
        profit_eur: expected profit of so many contacts, EUR.
        chosen: the number of contacts of the campaign, marked.
    """
    axes = empty_chart(
        "Expected profit by size of the campaign", "Customers contacted", "Expected profit, EUR"
    )
    axes.axhline(0, color=QUIET, linewidth=1)
    axes.plot(contacts, profit_eur, color=BLUE, linewidth=2, label="expected profit")
    if chosen is not None:
        earned = float(np.interp(chosen, np.asarray(contacts), np.asarray(profit_eur)))
        label = f"this campaign: {chosen:,} contacts, {euro(earned)} EUR"
        axes.plot(chosen, earned, marker="o", markersize=7, color=ORANGE, linestyle="", label=label)
    axes.xaxis.set_major_formatter(thousands)
    axes.yaxis.set_major_formatter(euro)
    legend(axes, "best")
    return png_of(axes)


def campaign_value(
    months: Sequence[str], expected_eur: Numbers, realised_eur: Sequence[float | None]
) -> bytes:
    """Draw month by month what a campaign was expected to earn, and what it did once that is known."""
    axes = empty_chart("Campaigns month by month", "", "Profit, EUR", grid="y")
    places = np.arange(len(months))
    axes.axhline(0, color=QUIET, linewidth=1)
    axes.bar(places - 0.2, expected_eur, width=0.38, color=LIGHT_BLUE, label="expected")
    known = [(place, value) for place, value in zip(places, realised_eur, strict=True) if value is not None]
    if known:
        at, values = zip(*known, strict=True)
        axes.bar(np.array(at) + 0.2, values, width=0.38, color=BLUE, label="came true")
    turned = len(months) > 6
    axes.set_xticks(
        places, months, rotation=45 if turned else 0, ha="right" if turned else "center", color=INK
    )
    axes.yaxis.set_major_formatter(euro)
    axes.margins(y=0.25)  # room for the legend
    legend(axes, "upper left")
    return png_of(axes)
