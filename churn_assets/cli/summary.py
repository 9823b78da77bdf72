"""The closing summary that a retention manager understands: data, model, gates, list, money, and where the files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from churn_assets.cli.screen import OUT, say

if TYPE_CHECKING:
    from churn_assets.defs.live import Stage

NONE = "-"


def print_summary(seen: Mapping[str, Any], stages: Sequence[Stage]) -> None:
    """Print the months as a table, then the champion, its gates, the newest list and its money."""
    if not seen["months"]:
        say("Nothing has been delivered yet. `churn run` lets the embedded operator deliver a year.")
        return
    OUT.print(_months(seen["months"]))
    for stage in stages:
        if stage.outcome in {"waiting", "stopped"}:
            say(f"{stage.month}: {stage.sentence}")
    _model(seen)
    _campaign(seen)
    _serving(seen)
    say(f"Data, models and reports are in {seen['home']}. `make ui` shows them in Dagster.")


def _months(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        title="The months as production lived them", title_justify="left", header_style="bold", box=None
    )
    for name in ("month", "state"):
        table.add_column(name)
    for name in (
        "quarantined",
        "AUC",
        "recall",
        "precision",
        "champion",
        "contacts",
        "expected EUR",
        "realised EUR",
    ):
        table.add_column(name, justify="right")
    table.add_column("gates")
    for row in rows:
        table.add_row(
            row["month"],
            row["state"],
            f"{sum(row['quarantined'].values()):,}" if row["quarantined"] else NONE,
            _number(row["challenger_auc"], ".3f"),
            _number(row["challenger_recall"], ".3f"),
            _number(row["challenger_precision"], ".3f"),
            f"v{row['champion']}" if row["champion"] else NONE,
            _number(row["contacts"], ",.0f"),
            _number(row["expected_profit_eur"], ",.0f"),
            _number(row["realised_profit_eur"], ",.0f"),
            _gates(row),
        )
    return table


def _gates(row: Mapping[str, Any]) -> str:
    if row["challenger_auc"] is None:
        return NONE
    return f"[red]{', '.join(row['gates_failed'])}[/red]" if row["gates_failed"] else "[green]passed[/green]"


def _model(seen: Mapping[str, Any]) -> None:
    champion = seen["champion"]
    if champion is None:
        say("Champion: none. No model has passed the gates.")
    else:
        say(
            f"Champion: version {champion['version']}, trained at the close of {champion['trained_at']}. {champion['reason']}"
        )
    if seen["gates"]:
        say(f"Gates of the newest challenger ({seen['gates'][0]['month']}):")
    for gate in seen["gates"]:
        sign = (
            "[green]✓[/green]"
            if gate["passed"]
            else ("[red]✗[/red]" if gate["blocks"] else "[yellow]![/yellow]")
        )
        OUT.print(f"  {sign} {gate['name']}: {gate['sentence']}", soft_wrap=True, highlight=False)
    if seen["drift"]:
        say(f"Drift ({seen['drift']['month']}): {seen['drift']['severity']}. {seen['drift']['sentence']}")


def _campaign(seen: Mapping[str, Any]) -> None:
    campaign = seen["campaign"]
    if campaign is None:
        say("Campaign list: none yet.")
        return
    say(
        f"Campaign list of {campaign['month']}: {campaign['contacts']:,} customers to contact, "
        f"{campaign['control']:,} held out as control group, {campaign['opted_out']:,} left out as they opted out; "
        f"{campaign['expected_churners']:,.0f} of the contacted are expected to leave."
    )
    say(
        f"Expected: {campaign['cost_eur']:,.0f} EUR spent, {campaign['saved_eur']:,.0f} EUR of acquisition saved, "
        f"{campaign['expected_profit_eur']:+,.0f} EUR. `churn campaign {campaign['month']} --out list.csv` exports it."
    )


def _serving(seen: Mapping[str, Any]) -> None:
    serving = seen.get("serving")
    if serving is None:
        return
    configuration, trial = serving["configuration"], seen["experiment"]
    where = f"at {serving['url']}" if serving["url"] else "by the next `churn serve`"
    arms = f"champion {configuration['champion']['version']}"
    if trial is not None:
        arms += f", challenger {trial['challenger']} with {trial['challenger_share']:.0%}"
    say(f"Served {where}: configuration {configuration['number']}, {arms}.")


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form)
