"""The charts: real PNGs, small, the same for the same numbers, with the marks that were asked for."""

from __future__ import annotations

import io
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageColor

from churn_assets.plots import charts
from churn_assets.plots.style import BLUE, ORANGE

RANDOM = np.random.default_rng(7)
PROBABILITIES = RANDOM.beta(0.5, 5, 5_000)
STEPS = np.linspace(0, 1, 200)

EVERY_CHART: dict[str, Callable[[], bytes]] = {
    "roc_curve": lambda: charts.roc_curve(STEPS, STEPS**0.3, 0.77, (0.1, 0.5)),
    "precision_recall_curve": lambda: charts.precision_recall_curve(
        STEPS, 1 - STEPS**2, point=(0.7, 0.5), threshold=0.49, recall_floor=0.65, precision_floor=0.6
    ),
    "reliability": lambda: charts.reliability([0.005, 0.02, 0.7], [0.0, 0.03, 0.68], [900, 100, 40]),
    "score_histogram": lambda: charts.score_histogram(PROBABILITIES, 0.49),
    "outcome_histogram": lambda: charts.outcome_histogram([0, 0.5], [4000, 20], [40, 60], 0.49),
    "importance_bars": lambda: charts.importance_bars(
        [f"feature_{number}" for number in range(45)], [0.02] * 45
    ),
    "lift_by_decile": lambda: charts.lift_by_decile([7.0, 1, 0.5, 0.4, 0.3, 0.2, 0.2, 0.2, 0.1, 0.1]),
    "profit_curve": lambda: charts.profit_curve(np.arange(200), 500 * STEPS - 600 * STEPS**2, 83),
    "campaign_value": lambda: charts.campaign_value(["2025-01", "2025-02"], [900, 950], [870, None]),
}


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def pixels_like(png: bytes, colour: str) -> int:
    """Count the pixels that are nearly of a colour."""
    distance = np.abs(np.asarray(picture(png), dtype=int) - np.array(ImageColor.getrgb(colour))).max(axis=2)
    return int((distance < 24).sum())


@pytest.mark.parametrize("name", EVERY_CHART)
def test_every_chart_is_a_small_picture_and_the_same_each_time(name: str) -> None:
    first, second = EVERY_CHART[name](), EVERY_CHART[name]()

    assert first == second
    assert len(first) < 40_000
    assert picture(first).width == 640
    assert pixels_like(first, BLUE) > 100


def test_the_threshold_is_marked_where_one_is_given() -> None:
    with_mark = charts.roc_curve(STEPS, STEPS**0.3, point=(0.1, 0.5))
    without = charts.roc_curve(STEPS, STEPS**0.3)

    assert pixels_like(without, ORANGE) == 0
    assert pixels_like(with_mark, ORANGE) > 40


def test_a_line_shows_the_threshold_in_the_histogram() -> None:
    assert pixels_like(charts.score_histogram(PROBABILITIES), ORANGE) == 0
    assert pixels_like(charts.score_histogram(PROBABILITIES, 0.49), ORANGE) > 200


def test_the_gates_corner_is_shown_where_the_floors_are_known() -> None:
    plain = charts.precision_recall_curve(STEPS, 1 - STEPS**2)
    gated = charts.precision_recall_curve(STEPS, 1 - STEPS**2, recall_floor=0.65, precision_floor=0.6)

    corner = (slice(40, 100), slice(450, 600))
    assert np.asarray(picture(plain))[corner].mean() > np.asarray(picture(gated))[corner].mean() + 5


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.score_histogram([]),
        lambda: charts.importance_bars(["only_one"], [1.0]),
        lambda: charts.campaign_value([], [], []),
        lambda: charts.reliability([], [], []),
        lambda: charts.lift_by_decile([]),
        lambda: charts.outcome_histogram([], [], []),
    ],
)
def test_nothing_or_little_to_show_is_no_error(draw: Callable[[], bytes]) -> None:
    assert picture(draw()).width == 640


def test_markdown_carries_the_picture_itself() -> None:
    png = charts.lift_by_decile([2.0, 1.0])

    markdown = charts.as_markdown(png, "lift")

    head, _, data = markdown.removesuffix(")").partition("base64,")
    assert head == "![lift](data:image/png;"
    assert b64decode(data) == png


def test_no_screen_and_no_global_figure_is_ever_used() -> None:
    code = (
        "import sys; from churn_assets.plots import charts; assert 'matplotlib' not in sys.modules;"
        "charts.lift_by_decile([2.0, 1.0]); assert 'matplotlib.pyplot' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
