"""`churn status`: months, models, gates, drift, the last campaign."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from churn_assets.cli.screen import print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False) -> None:
    """Show the months and their state, champion and challenger, the gates with evidence, drift, the last campaign."""
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_assets.cli.summary import print_summary  # noqa: PLC0415
    from churn_assets.defs.overview import overview  # noqa: PLC0415
    from churn_assets.defs.project import Project  # noqa: PLC0415

    home = Home.from_environment()
    home.prepare()
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    seen = overview(Project.of(home))
    if as_json:
        print_json(seen)
    else:
        print_summary(seen, [])
