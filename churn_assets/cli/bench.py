"""`churn bench`: what things cost here, each as a table and, on request, a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from churn_assets.cli.screen import ERR, OUT, print_json

SERVING, FAULTS = "serving", "faults"  # take a quarter of an hour and start servers, so `all` leaves them out
Figures = list[dict[str, Any]]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="simulate, features, scoring, month, online_store; all of these; or serving, faults."
        ),
    ] = "all",
    customers: Annotated[
        list[int] | None, typer.Option(help="Size, repeatable; by default two, so that growth shows.")
    ] = None,
    clients: Annotated[
        list[int] | None,
        typer.Option(min=1, help="serving: requests at a time, repeatable; by default 1, 4 and 16."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="serving: how long each load lasts; by default 5.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there as JSON.")] = None,
) -> None:
    """Measure what things cost: rows a second and peak memory, or, for serving, requests a second and latency.

    The table goes to a terminal; figures as JSON to a file where one is given, or to the output where that is no terminal.
    """
    from churn_assets.adapters.files import write_atomically  # noqa: PLC0415
    from churn_assets.adapters.home import PROJECT_ROOT  # noqa: PLC0415

    sys.path.insert(0, str(PROJECT_ROOT))  # the benchmarks live beside the tests, which are not installed
    if name == SERVING:
        if customers:
            raise ValueError("the serving benchmark has no --customers: it has --clients and --seconds")
        figures = _served(clients, seconds)
    elif name == FAULTS:
        figures = _broken()
    elif clients or seconds:
        raise ValueError(f"--clients and --seconds are of the serving benchmark, not of {name}")
    else:
        figures = _staged(name, customers)
    if json_file is None and name == "all":
        json_file = PROJECT_ROOT / "bench-results" / "bench.json"
    if json_file is not None:
        write_atomically(json_file, (json.dumps(figures, indent=2) + "\n").encode())
    if OUT.is_terminal or json_file is not None:
        for table in _tables(name, figures):
            OUT.print(table)
    else:
        print_json(figures)


def _tables(name: str, figures: Figures) -> list[Table]:
    if name == SERVING:
        return _served_tables(figures)
    return [_felt(figures)] if name == FAULTS else [_table(figures)]


def _staged(name: str, customers: list[int] | None) -> Figures:
    """Measure one of the benchmarks that handle rows, or all of them, each size in a process of its own."""
    from churn_tests.benchmarks.measure import BENCHMARKS, SIZES, measure  # noqa: PLC0415

    names = list(BENCHMARKS) if name == "all" else [name]
    if unknown := set(names) - set(BENCHMARKS):
        raise ValueError(
            f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}, all, {SERVING} and {FAULTS}"
        )
    figures = []
    for each in names:
        for size in customers or SIZES:
            ERR.print(f"{each}, {size:,} customers ...", highlight=False)
            figures += measure(each, size)
    return figures


def _served(clients: list[int] | None, seconds: float | None) -> Figures:
    """Measure the scoring service beside the baselines, on an operator of its own."""
    from churn_tests.benchmarks.serving.bench import CLIENTS, SECONDS, measure_serving  # noqa: PLC0415

    return measure_serving(
        None, seconds or SECONDS, clients or CLIENTS, say=lambda line: ERR.print(line, highlight=False)
    )


def _broken() -> Figures:
    """Break the scoring service in every way, and measure what its customers feel."""
    from churn_tests.benchmarks.serving.faults import measure_faults  # noqa: PLC0415

    return measure_faults(None, say=lambda line: ERR.print(line, highlight=False))


def _felt(figures: Figures) -> Table:
    """Return what was felt of each event."""
    table = Table(header_style="bold", box=None)
    table.add_column("event")
    for column in ("requests", "failed", "outage s", "p50 ms", "p99 ms", "max ms", "by fallback"):
        table.add_column(column, justify="right")
    table.add_column("further figures")
    plain = ("event", "requests", "failed", "outage_s", "p50_ms", "p99_ms", "max_ms", "fallbacks", "reasons")
    for figure in figures:
        further = [f"{name} {value:,.3g}" for name, value in figure.items() if name not in plain]
        further += [f"{reason}: {count}" for reason, count in figure.get("reasons", {}).items()]
        table.add_row(
            figure["event"],
            *(
                f"{figure[name]:,.{places}f}" if name in figure else ""
                for name, places in zip(plain[1:-1], (0, 0, 2, 1, 1, 1, 0), strict=True)
            ),
            ", ".join(further),
        )
    return table


def _table(figures: Figures) -> Table:
    table = Table(header_style="bold", box=None)
    for column in ("benchmark", "stage"):
        table.add_column(column)
    for column in ("customers", "rows", "seconds", "rows/s", "peak MiB"):
        table.add_column(column, justify="right")
    table.add_column("further figures")
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
            ", ".join(f"{name} {value:,.3g}" for name, value in figure["extra"].items()),
        )
    return table


def _served_tables(figures: Figures) -> list[Table]:
    """Return what each service does under each load, and the demands on ours."""
    return [
        _loads([figure for figure in figures if "server" in figure]),
        _demands([figure for figure in figures if "target" in figure]),
    ]


def _loads(figures: Figures) -> Table:
    table = Table(header_style="bold", box=None)
    table.add_column("service")
    for column in ("load", "requests/s", "(spread)", "p50 ms", "p99 ms", "(spread)", "max ms", "failed"):
        table.add_column(column, justify="right")
    for column in ("challenger", "RSS MiB", "USS MiB"):
        table.add_column(column, justify="right")
    for figure in figures:
        clients = figure["clients"]
        table.add_row(
            figure["server"],
            f"{clients} client{'s' * (clients > 1)}" if clients else f"{figure['rate']:,.0f}/s",
            f"{figure['requests_per_second']:,.0f}",
            "{:,.0f}-{:,.0f}".format(*figure["requests_per_second_spread"]),
            *(f"{figure[name]:,.2f}" for name in ("p50_ms", "p99_ms")),
            "{:,.2f}-{:,.2f}".format(*figure["p99_ms_spread"]),
            f"{figure['max_ms']:,.1f}",
            f"{figure['failed']:,}",
            _share(figure["arms"]),
            *(f"{figure[name]:,.0f}" for name in ("rss_mib", "uss_mib")),
        )
    return table


def _share(arms: dict[str, int]) -> str:
    """Return the challenger's share of the answers: less than was dealt out where the champion had to step in."""
    return f"{arms.get('challenger', 0) / sum(arms.values()):.1%}" if arms else ""


def _demands(figures: Figures) -> Table:
    table = Table(header_style="bold", box=None)
    for column in ("demand", "value", "bound", "met"):
        table.add_column(column, justify="left" if column == "demand" else "right")
    for figure in figures:
        bound = f">= {figure['at_least']:.2f}" if "at_least" in figure else f"<= {figure['at_most']:.2f}"
        table.add_row(figure["target"], f"{figure['value']:.2f}", bound, "yes" if figure["met"] else "no")
    return table
