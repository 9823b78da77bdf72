"""`churn status`: months, models, gates, drift, the last campaign."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli.screen import print_json

if TYPE_CHECKING:
    from churn_assets.adapters.home import Home


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
    seen = overview(Project.of(home)) | _serving(home)
    if as_json:
        print_json(seen)
    else:
        print_summary(seen, [])


def _serving(home: Home) -> dict[str, Any]:
    """Return what is served, and the experiment that the split belongs to."""
    from churn_serving.change import running_service  # noqa: PLC0415
    from churn_serving.history import ConfigurationHistory  # noqa: PLC0415
    from churn_serving.places import ServingPlaces  # noqa: PLC0415

    places = ServingPlaces(home)
    wanted, running = ConfigurationHistory(places.configurations).wanted(), running_service(places)
    if wanted is None:
        return {"serving": None}
    experiment = {
        "name": wanted.experiment,
        "challenger": wanted.challenger.version if wanted.challenger else None,
        "challenger_share": wanted.challenger_share,
        "shadow": wanted.shadow,
    }
    serving = {"url": running.url if running else None, "configuration": wanted.plain()}
    return {"serving": serving, "experiment": experiment if wanted.challenger else None}
