"""One look for all charts: an empty chart with title and axes, colours, number formats, and the way out as PNG."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#22303c"
QUIET = "#7b8894"
GRID = "#e3e7ea"
BLUE = "#2b6390"
LIGHT_BLUE = "#9dbdd6"
ORANGE = "#d0752a"
_WIDTH, _HEIGHT, _DOTS = 6.4, 4.0, 100  # inches, and dots an inch: 640 x 400 pixels


def empty_chart(
    title: str, x: str, y: str, *, height: float = _HEIGHT, grid: Literal["both", "x", "y"] = "both"
) -> Axes:
    """Return the axes of a new chart, titled and labelled.

    The figure is made by hand, without pyplot, which would keep it and choose a screen.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  slow to import, needed here only
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(_WIDTH, height), dpi=_DOTS, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK, length=0)
    axes.grid(visible=True, axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    return axes


def legend(axes: Axes, place: str) -> None:
    """Show what the colours mean, without a frame."""
    axes.legend(loc=place, fontsize=8, frameon=False, labelcolor=INK)


def percent(value: float, _: float | None = None) -> str:
    """Write a share as per cent, small ones with their decimals.

    >>> percent(0.25), percent(0.004)
    ('25 %', '0.4 %')
    """
    return f"{value * 100:.3g} %"


def euro(value: float, _: float | None = None) -> str:
    """Write an amount of EUR, short.

    >>> euro(1_250_000), euro(-3_500), euro(80)
    ('1.25 M', '-3.5 k', '80')
    """
    for size, sign in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def thousands(value: float, _: float | None = None) -> str:
    """Write a count with thousands set apart.

    >>> thousands(51692)
    '51,692'
    """
    return f"{value:,.0f}"


def png_of(axes: Axes) -> bytes:
    """Return the chart as PNG, the same bytes for the same numbers.

    A palette of 64 colours is enough for a chart and makes a third of the size: metadata keeps one a month.
    """
    from PIL import Image  # noqa: PLC0415  comes with matplotlib

    drawn = io.BytesIO()
    cast("Figure", axes.figure).savefig(drawn, format="raw")
    width, height = axes.figure.canvas.get_width_height()
    picture = Image.frombytes("RGBA", (width, height), drawn.getvalue()).convert("RGB")
    png = io.BytesIO()
    picture.quantize(64, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        png, format="png", optimize=True
    )
    return png.getvalue()


def as_markdown(png: bytes, alt: str) -> str:
    """Return a picture as Markdown that needs no file: `![alt](data:image/png;base64,...)`."""
    return f"![{alt}](data:image/png;base64,{b64encode(png).decode()})"
