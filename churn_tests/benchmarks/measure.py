"""Runs a benchmark at a size in processes of its own, so that one's memory and warm caches are not another's.

A benchmark is a module with `STAGES`: functions of (home, customers) that run in order, each in a fresh process, and
return how many rows they handled, or a `Measured` with further figures. Stages whose name begins with `prepare` are not reported.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from churn_tests.benchmarks.measured import Measured

BENCHMARKS = ("simulate", "features", "scoring", "month", "online_store")
SIZES = (24_000, 96_000)

Stage = Callable[[Path, int], int | Measured]


def measure(name: str, customers: int) -> list[dict[str, Any]]:
    """Run the stages of a benchmark and return a figure for each that counts."""
    home = Path(tempfile.mkdtemp(prefix=f"churn-bench-{name}-"))
    try:
        return [
            figure
            for stage in _stages(name)
            if not (figure := _in_process(name, stage, home, customers))["stage"].startswith("prepare")
        ]
    finally:
        shutil.rmtree(home)


def _stages(name: str) -> dict[str, Stage]:
    stages: dict[str, Stage] = importlib.import_module(f"churn_tests.benchmarks.{name}").STAGES
    return stages


def _in_process(name: str, stage: str, home: Path, customers: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "churn_tests.benchmarks.measure", name, stage, str(home), str(customers)]
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)
    if result.returncode:
        raise RuntimeError(f"benchmark {name}, stage {stage}, failed:\n{result.stderr[-2_000:]}")
    figure: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figure


def main() -> None:
    """Run one stage in this process and print its figure: what it took without the imports, and this process's peak."""
    parser = argparse.ArgumentParser()
    for argument in ("name", "stage", "home"):
        parser.add_argument(argument)
    parser.add_argument("customers", type=int)
    asked = parser.parse_args()
    stage = _stages(asked.name)[asked.stage]
    started = time.perf_counter()
    result = stage(Path(asked.home), asked.customers)
    seconds = time.perf_counter() - started
    measured = result if isinstance(result, Measured) else Measured(result)
    figure = {
        "benchmark": asked.name,
        "stage": asked.stage,
        "customers": asked.customers,
        "rows": measured.rows,
        "seconds": seconds,
        "rows_per_second": measured.rows / seconds,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "extra": dict(measured.extra),
    }
    sys.stdout.write(json.dumps(figure) + "\n")


if __name__ == "__main__":
    main()
