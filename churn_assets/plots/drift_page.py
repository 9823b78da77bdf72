"""The drift report as one page of HTML that needs nothing else: no script, no font, no file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from churn_assets.domain.drift import DriftReport, FeatureDrift
from churn_assets.domain.drift_movement import Movement
from churn_assets.plots.drift_bars import bars
from churn_assets.plots.drift_style import STYLE
from churn_assets.plots.style import percent, thousands

_STATUS = {"alarm": "moved", "warn": "moving", "none": "stable"}
_TITLES = {
    "none": "Stable",
    "low": "Stable, with small movements",
    "medium": "Something moves: watch",
    "high": "Drifted: retraining is due",
    "critical": "Drifted strongly: retraining is due",
}
_ORDER = ("alarm", "warn", "none")


def drift_page(report: DriftReport) -> str:
    """Return the page, to be read from top to bottom: verdict, scores, what moved, everything else."""
    ranked = sorted(report.features, key=lambda drift: (_ORDER.index(drift.status), -drift.importance))
    moved = [drift for drift in ranked if drift.status != "none"]
    stable = [drift for drift in ranked if drift.status == "none"]
    body = (
        _header(report),
        _numbers(report),
        _scores(report.score),
        _section("What moved", _table(moved, report) if moved else "<p>No feature moved.</p>"),
        _folded(f"{len(stable)} stable features", _table(stable, report)) if stable else "",
        _unjudged(report.unjudged),
        _LEGEND,
    )
    title = f"Drift of {escape(report.month)}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>{"".join(body)}</body></html>\n'


_LEGEND = """<section class="legend"><h2>How to read this</h2><dl>
<dt>Shift</dt><dd>Wasserstein distance in standard deviations of the reference: how far the values moved on
average. 0.1 is worth a look, 0.3 an alarm, unless the settings say otherwise.</dd>
<dt>PSI</dt><dd>Population stability index: how much the shares of the bins changed. It sees what the shift
does not: categories, missing values, a distribution that splits.</dd> <dt>Weight</dt><dd>The feature's
share of the model's importance. A feature without weight may move as it likes.</dd> <dt>Bars</dt><dd>Share
of customers in each bin, the reference in grey, this month in colour. The bins are tenths of the reference,
the last one holds missing values; point at a bar to read its bin.</dd> </dl><p>What chance alone explains
is taken off, so that stable is 0. A change of the link from features to churn cannot be seen here: it shows
when the month's labels are in.</p></section>"""


def _header(report: DriftReport) -> str:
    span = _span(report.reference_months)
    compared = (
        f"{thousands(report.rows)} customers, compared with {thousands(report.reference_rows)} of {span}"
    )
    return (
        f"<header><h1>Drift of {escape(report.month)}</h1><p>{compared}</p></header>"
        f'<section class="verdict {report.severity}"><h2>{_TITLES[report.severity]}</h2>'
        f"<p>{escape(report.sentence)}</p></section>"
    )


def _numbers(report: DriftReport) -> str:
    statuses = [drift.status for drift in report.features]
    tiles = [
        (str(statuses.count("alarm")), f"of {len(statuses)} features moved"),
        (str(statuses.count("warn")), "more are moving"),
        (f"{report.share_in_alarm * 100:.0f} %", "of the model's importance moved"),
    ]
    if report.score is not None:
        tiles.append((f"{report.score.movement.psi:.2f}", "PSI of the scores"))
    cells = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in tiles)
    return f'<section class="tiles">{cells}</section>'


def _scores(score: FeatureDrift | None) -> str:
    if score is None:
        return _section("Scores", "<p>There are no scores of this model to compare.</p>")
    was, now = score.movement.mean
    means = (
        ""
        if was is None or now is None
        else f"Mean probability to leave {was * 100:.2f} % &rarr; {now * 100:.2f} %. "
    )
    shift = "" if score.movement.w1 is None else f", shift {score.movement.w1:.2f}"
    words = f"<p>{_pill(score)} {means}PSI {score.movement.psi:.2f}{shift}.</p>"
    return _section("Scores", words + bars(score.movement, 980, 150, score.status, labelled=True))


def _table(drifts: Sequence[FeatureDrift], report: DriftReport) -> str:
    rows = "".join(_row(drift) for drift in drifts)
    return (
        "<table><thead><tr><th>Feature</th><th></th><th class=n>Weight</th><th class=n>Shift</th><th class=n>PSI</th>"
        "<th class=n>Mean</th><th class=n>Missing</th>"
        f"<th>Reference and {escape(report.month)}</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(drift: FeatureDrift) -> str:
    moved = drift.movement
    shift = "" if moved.w1 is None else f"{moved.w1:.2f}"
    cells = (
        f"<td>{escape(drift.name)}</td><td>{_pill(drift)}</td>",
        *(
            f"<td class=n>{text}</td>"
            for text in (
                f"{drift.importance * 100:.1f} %",
                shift,
                f"{moved.psi:.2f}",
                _means(moved),
                _change(*(percent(round(share, 4)) for share in moved.null_share)),
            )
        ),
        f"<td>{bars(moved, 230, 44, drift.status)}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _means(moved: Movement) -> str:
    """Write both means, or the month's alone where that is chance."""
    was, now = (None if mean is None else f"{mean:.3g}" for mean in moved.mean)
    return _change(was, now) if moved.mean_change else _change(now, now)


def _change(was: str | None, now: str | None) -> str:
    """Write a number that changed as both, else once."""
    if was == now:
        return was or ""
    return f"{was or 'none'} &rarr; {now or 'none'}"


def _pill(drift: FeatureDrift) -> str:
    return f'<span class="pill {drift.status}">{_STATUS[drift.status]}</span>'


def _unjudged(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"<p>Not judged, since the reference does not know them: {escape(', '.join(names))}.</p>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>"


def _span(months: Sequence[str]) -> str:
    if not months:
        return "the reference"
    return escape(months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}")
