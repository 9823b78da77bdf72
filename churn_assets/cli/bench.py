"""`churn bench`: what things cost here, each as a table and, on request, a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from churn_assets.cli.screen import ERR, OUT, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="simulate, features, scoring, month, or all.")] = "all",
    customers: Annotated[
        list[int] | None, typer.Option(help="Size, repeatable; by default two, so that growth shows.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there as JSON.")] = None,
) -> None:
    """Measure one benchmark or all of them: rows a second and peak memory, each size in a process of its own."""
    from churn_assets.adapters.files import write_atomically  # noqa: PLC0415
    from churn_assets.adapters.home import PROJECT_ROOT  # noqa: PLC0415

    sys.path.insert(0, str(PROJECT_ROOT))  # the benchmarks live beside the tests, which are not installed
    from churn_tests.benchmarks.measure import BENCHMARKS, SIZES, measure  # noqa: PLC0415

    names = list(BENCHMARKS) if name == "all" else [name]
    if unknown := set(names) - set(BENCHMARKS):
        raise ValueError(
            f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)} and all"
        )
    figures = []
    for each in names:
        for size in customers or SIZES:
            ERR.print(f"{each}, {size:,} customers ...", highlight=False)
            figures += measure(each, size)
    if json_file is None and name == "all":
        json_file = PROJECT_ROOT / "bench-results" / "bench.json"
    if json_file is not None:
        write_atomically(json_file, (json.dumps(figures, indent=2) + "\n").encode())
    if OUT.is_terminal or json_file is not None:
        OUT.print(_table(figures))
    else:
        print_json(figures)


def _table(figures: list[dict[str, object]]) -> Table:
    table = Table(header_style="bold", box=None)
    for column in ("benchmark", "stage"):
        table.add_column(column)
    for column in ("customers", "rows", "seconds", "rows/s", "peak MiB"):
        table.add_column(column, justify="right")
    for figure in figures:
        table.add_row(
            str(figure["benchmark"]),
            str(figure["stage"]),
            *(
                f"{figure[name]:,.{places}f}"
                for name, places in (("customers", 0), ("rows", 0), ("seconds", 2))
            ),
            f"{figure['rows_per_second']:,.0f}",
            f"{figure['peak_mib']:,.0f}",
        )
    return table
