"""How the command speaks: progress on the error stream, results on the output, nothing else between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

WIDTH_OF_A_FILE = 160
OUT = Console()
if not OUT.is_terminal:
    OUT.width = WIDTH_OF_A_FILE
ERR = Console(stderr=True)


def complain(sentence: str) -> None:
    """Say what is wrong, on the error stream."""
    ERR.print(f"churn: {sentence}", style="bold red", highlight=False, markup=False, soft_wrap=True)


def say(sentence: str = "") -> None:
    """Print a line of the result."""
    OUT.print(sentence, highlight=False, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a result for a program."""
    print(json.dumps(value, indent=2, sort_keys=False, default=str, allow_nan=False))  # noqa: T201


@contextmanager
def progress_of(total: int, text: str) -> Iterator[tuple[Progress, TaskID]]:
    """Show a bar over a known number of steps; plain silence where the error stream is no terminal."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as progress:
        yield progress, progress.add_task(text, total=total)
