"""`churn simulate`: the embedded operator delivers its months."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from churn_assets.cli.screen import print_json, progress_of, say
from churn_assets.domain.months import Month
from churn_assets.domain.tables import TABLES


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate", help=_help())(simulate)


def simulate(
    out: Annotated[Path, typer.Option(help="Folder of the deliveries; the truth goes to OUT/.truth.")],
    customers: Annotated[int, typer.Option(min=1, help="Active customers at each snapshot.")] = 24_000,
    months: Annotated[int, typer.Option(min=1, help="How many months, the last one included.")] = 12,
    until: Annotated[str, typer.Option(help="The last month, YYYY-MM.")] = "2025-12",
    world: Annotated[str, typer.Option(help="A, A5, D, B3 or C2: how churn comes about.")] = "A",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    incident: Annotated[
        list[str] | None,
        typer.Option(help="KIND:MONTH[:TABLE][:RATE], repeatable; the kinds are listed above."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Write the deliveries of a simulated operator."""
    from churn_assets.simulator.incidents import Incident  # noqa: PLC0415
    from churn_assets.simulator.operator import simulate as play  # noqa: PLC0415

    started = time.monotonic()
    with progress_of(months * len(TABLES), "simulating") as (bar, task):
        made = play(
            out,
            customers=customers,
            months=months,
            until=Month.parse(until),
            world=world,
            seed=seed,
            incidents=[Incident.parse(text) for text in incident or []],
            progress=lambda month, table: bar.update(task, advance=1, description=f"{month} {table}"),
        )
    seconds = time.monotonic() - started
    summary = {
        "out": str(out),
        "world": world,
        "seed": seed,
        "months": [str(month) for month in made.months],
        "event_rows": made.event_rows,
        "seconds": round(seconds, 2),
    }
    if as_json:
        print_json(summary)
        return
    say(
        f"{len(made.months)} months of world {world} in {out}: {made.event_rows:,} event rows in {seconds:.1f} s"
    )
    say(f"the truth, which the platform never reads, is in {out / '.truth'}")


def _help() -> str:
    from churn_assets.simulator.incidents import INCIDENTS  # noqa: PLC0415

    kinds = "\n\n".join(f"  {kind}: {text}" for kind, text in INCIDENTS.items())
    return f"Write the deliveries of a simulated operator, and the truth apart from them.\n\nIncidents:\n\n{kinds}"
