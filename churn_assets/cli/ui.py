"""`churn ui`: Dagster's webserver and daemon on this home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from churn_assets.cli.screen import say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ui")(ui)


def ui(
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback put a proxy with login before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the webserver.")] = 3000,
) -> None:
    """Start Dagster's webserver and daemon on the state of this home; ends with Ctrl-C."""
    from churn_assets.adapters.home import PROJECT_ROOT, Home  # noqa: PLC0415

    home = Home.from_environment()
    home.prepare()
    environment = {**os.environ, "CHURN_HOME": str(home.root), "DAGSTER_HOME": str(home.dagster)}
    say(f"Dagster: http://{host}:{port} (state in {home.root})")
    dagster = Path(sys.executable).with_name("dagster")
    command = [str(dagster), "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"), "-h", host, "-p", str(port)]
    # Not from the project's folder: its dagster.yaml is the template of the home's, and Dagster warns of two.
    ended = subprocess.run(command, env=environment, cwd=home.dagster, check=False)  # noqa: S603  our own program
    raise typer.Exit(ended.returncode)
