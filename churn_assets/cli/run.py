"""`churn run`: everything that the months need, in order, through Dagster."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli.screen import ERR, complain, print_json, progress_of
from churn_assets.domain.months import Month
from churn_assets.domain.tables import TABLES

if TYPE_CHECKING:
    from churn_assets.adapters.home import Home
    from churn_assets.adapters.settings import Settings, SimulatorSettings
    from churn_assets.defs.live import Stage
    from churn_assets.defs.project import Project


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    deliveries: Annotated[
        Path | None, typer.Option(help="Folder with TABLE/YYYY-MM.parquet or .csv; remembered by this home.")
    ] = None,
    months: Annotated[
        int | None, typer.Option(min=1, help="The last so many months, their history is taken in too.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="The last month, YYYY-MM; by default the newest delivered.")
    ] = None,
    customers: Annotated[int | None, typer.Option(min=1, help="Customers of the embedded operator.")] = None,
    world: Annotated[str | None, typer.Option(help="World of the embedded operator.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the embedded operator.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Take the months in, retrain, gate, score: as production would have lived them. Exit 1 where a gate stopped it.

    Without --deliveries the embedded operator delivers. A second run does only what is missing or stale.
    """
    from churn_assets.adapters.home import Home  # noqa: PLC0415

    home = Home.from_environment()
    home.prepare()
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    settings = _settings(home, deliveries)
    if settings.source.kind == "simulator":
        changed: dict[str, Any] = {
            "customers": customers,
            "months": months,
            "until": until,
            "world": world,
            "seed": seed,
        }
        played = dataclasses.replace(
            settings.simulator, **{k: v for k, v in changed.items() if v is not None}
        )
        _play(home, played)
        months = until = None
    from churn_assets.defs.project import Project  # noqa: PLC0415

    project = Project.of(home)
    every, scored = months_to_live(project, months, until)
    stages = _live(project, every, scored)
    from churn_assets.cli.summary import print_summary  # noqa: PLC0415
    from churn_assets.defs.overview import overview  # noqa: PLC0415

    seen = overview(project)
    problems = problems_of(stages, champion=seen["champion"] is not None)
    if as_json:
        print_json({**seen, "stages": [_plain(stage) for stage in stages], "problems": problems})
    else:
        print_summary(seen, stages)
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(1)


def months_to_live(
    project: Project, months: int | None, until: str | None
) -> tuple[list[Month], list[Month]]:
    """Return the months to take in (the whole history up to the last) and those of them to retrain and score.

    Raises:
        ValueError: nothing has been delivered, or not up to that month.
    """
    delivered = project.source.months()
    if not delivered:
        raise ValueError(
            "there are no deliveries: name their folder with --deliveries, or let `churn simulate` write some"
        )
    last = Month.parse(until) if until else delivered[-1]
    if last < project.first_month:
        raise ValueError(f"--until {last} lies before the first delivered month, {project.first_month}")
    every = list(project.first_month.until(last))
    return every, every[-months:] if months else every


def problems_of(stages: Sequence[Stage], *, champion: bool) -> list[str]:
    """Return what makes the run no success: a month that is blocked or failed, or a gate that has the last word.

    A challenger that a gate stopped in a month before the newest is history: the summary shows it, and a later month
    has passed.
    """
    problems = [stage.sentence for stage in stages if stage.outcome in {"blocked", "failed"}]
    newest = max((stage.month for stage in stages), default=None)
    problems += [
        stage.sentence
        for stage in stages
        if stage.outcome == "stopped" and (stage.month == newest or not champion)
    ]
    return problems


def _settings(home: Home, deliveries: Path | None) -> Settings:
    from churn_assets.adapters.settings import SourceSettings, load_settings, remember_source  # noqa: PLC0415

    if deliveries is not None:
        if not deliveries.is_dir():
            raise ValueError(
                f"--deliveries {deliveries} is no folder; it should hold TABLE/YYYY-MM.parquet or .csv"
            )
        remember_source(home, SourceSettings(kind="files", path=str(deliveries.resolve())))
    return load_settings(home)


def _play(home: Home, settings: SimulatorSettings) -> None:
    """Let the embedded operator deliver what it has not delivered yet."""
    from churn_assets.adapters.played import delivered_already, record_played  # noqa: PLC0415

    if delivered_already(home, settings):
        return
    from churn_assets.simulator.operator import simulate  # noqa: PLC0415

    with progress_of(settings.months * len(TABLES), "the embedded operator delivers") as (bar, task):
        simulate(
            home.deliveries,
            customers=settings.customers,
            months=settings.months,
            until=Month.parse(settings.until),
            world=settings.world,
            seed=settings.seed,
            progress=lambda month, table: bar.update(
                task, advance=1, description=f"delivering {month} {table}"
            ),
        )
    record_played(home, settings)


def _live(project: Project, every: Sequence[Month], scored: Sequence[Month]) -> list[Stage]:
    from churn_assets.defs.live import STAGES, live  # noqa: PLC0415

    words = {"close_month": "taking in", "retrain": "training", "score_month": "scoring"}
    total = len(every) + len(scored) * (len(STAGES) - 1)
    with progress_of(total, "starting") as (bar, task):

        def show(month: Month, job: str) -> None:
            bar.update(task, advance=1, description=f"{words[job]} {month}")
            if not ERR.is_terminal and job == STAGES[0]:
                ERR.print(f"{month}", highlight=False)

        return live(project, every, scored, show)


def _plain(stage: Stage) -> dict[str, object]:
    return {**dataclasses.asdict(stage), "month": str(stage.month)}
