"""`churn features`, `churn scores`, `churn campaign`: a month's tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from churn_assets.cli.screen import print_json, say
from churn_assets.domain.months import Month

if TYPE_CHECKING:
    from churn_assets.adapters.lake import Lake

MonthArgument = Annotated[str, typer.Argument(help="The month, YYYY-MM.")]
JsonOption = Annotated[bool, typer.Option("--json", help="A summary as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("features")(features)
    app.command("scores")(scores)
    app.command("campaign")(campaign)


def features(
    month: MonthArgument,
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.")],
    as_json: JsonOption = False,
) -> None:
    """Write the feature matrix of a month: customer_id, month, the features, churned (null while unknown)."""
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_assets.defs.features import LABELS, read_matrix  # noqa: PLC0415
    from churn_assets.defs.project import Project  # noqa: PLC0415

    project, asked = Project.of(Home.from_environment()), Month.parse(month)
    lake = project.lake
    matrix = read_matrix(project, lake, asked)
    if lake.has(LABELS, asked.next()):
        labels = lake.read(LABELS, asked.next()).select("customer_id", "churned")
        matrix = matrix.join(labels, on="customer_id", how="left", maintain_order="left")
    else:
        matrix = matrix.with_columns(pl.lit(None, pl.Int8).alias("churned"))
    _export(matrix, out, as_json)


def scores(
    month: MonthArgument,
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.")],
    as_json: JsonOption = False,
) -> None:
    """Write the scores of a month: one row per active customer."""
    from churn_assets.defs.scoring import SCORES  # noqa: PLC0415

    _export(_lake().read(SCORES, Month.parse(month)).sort("customer_id"), out, as_json)


def campaign(
    month: MonthArgument,
    out: Annotated[Path, typer.Option(help="A .csv or .parquet file.")],
    as_json: JsonOption = False,
) -> None:
    """Write the campaign list of a month for the CRM: who to contact, the control group marked, value, reasons, offer."""
    from churn_assets.defs.retention import CAMPAIGN, SUMMARY  # noqa: PLC0415

    lake, asked = _lake(), Month.parse(month)
    lake.read(SUMMARY, asked)  # a list may be empty, its summary never is
    chosen = lake.scan(CAMPAIGN, [asked]).collect()
    _export(
        chosen.select("rank", *(name for name in chosen.columns if name != "rank")).sort("rank"), out, as_json
    )


def _lake() -> Lake:
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_assets.adapters.lake import Lake  # noqa: PLC0415

    return Lake(str(Home.from_environment().lake))


def _export(frame: pl.DataFrame, out: Path, as_json: bool) -> None:
    from churn_assets.adapters.exports import write_table  # noqa: PLC0415

    write_table(frame, out)
    if as_json:
        print_json({"file": str(out), "rows": frame.height, "columns": frame.columns})
    else:
        say(f"{frame.height:,} rows in {out}")
