"""Two distributions over the same bins, side by side, as inline SVG."""

from __future__ import annotations

from html import escape

from churn_assets.domain.drift_movement import Movement, Status
from churn_assets.plots.style import BLUE, GRID, ORANGE, QUIET, percent

_REFERENCE = "#b4bec6"
_LABEL = 32
_COLOURS = {"alarm": ORANGE, "warn": "#c9a227", "none": BLUE}


def bars(movement: Movement, width: int, height: int, status: Status, *, labelled: bool = False) -> str:
    """Draw each bin's share of the reference's and of the month's customers; bins that nobody is in are left out."""
    bins = [
        (name, was, now)
        for name, was, now in zip(
            movement.bins, movement.reference_shares, movement.current_shares, strict=True
        )
        if was or now
    ]
    highest = max(max(was, now) for _, was, now in bins)
    step = width / len(bins)
    bar = min(step * 0.42, 24)
    drawn = [f'<line x1="0" y1="{height - 0.5}" x2="{width}" y2="{height - 0.5}" stroke="{GRID}"/>']
    for place, (name, was, now) in enumerate(bins):
        middle = (place + 0.5) * step
        words = f"<title>{escape(name)}: {percent(round(was, 4))} &#8594; {percent(round(now, 4))}</title>"
        first = _bar(middle - bar, bar, was / highest * (height - 4), height, _REFERENCE)
        second = _bar(middle, bar, now / highest * (height - 4), height, _COLOURS[status])
        # the clear ground makes the whole bin answer to the pointer
        ground = f'<rect x="{place * step:.1f}" width="{step:.1f}" height="{height}" fill="transparent"/>'
        label = _label(name, middle, height) if labelled else ""
        drawn.append(f"<g>{words}{ground}{first}{second}{label}</g>")
    whole = height + _LABEL if labelled else height
    size = f'width="{width}" height="{whole}" viewBox="0 0 {width} {whole}"'
    return f'<svg {size} role="img" aria-label="shares by bin">{"".join(drawn)}</svg>'


def _label(name: str, middle: float, height: int) -> str:
    """Write a bin's name below it, a range on two lines."""
    start, to, end = name.partition(" to ")
    lines = (start, f"to {end}") if to else (start,)
    return "".join(
        f'<text x="{middle:.1f}" y="{height + 14 + 12 * line}" text-anchor="middle" font-size="10" fill="{QUIET}">'
        f"{escape(text)}</text>"
        for line, text in enumerate(lines)
    )


def _bar(x: float, width: float, tall: float, height: int, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{height - tall:.1f}" width="{width:.1f}" height="{tall:.1f}" fill="{colour}"/>'
    )
