"""From runs to figures: the median and the spread of the rounds, and what was demanded of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from churn_tests.benchmarks.serving.contenders import BARE, LIKE_FOR_LIKE, PANDAS, PANDAS_ONE_THREAD, USUAL
from churn_tests.benchmarks.serving.processes import Memory
from churn_tests.benchmarks.serving.tally import Result

Figure = dict[str, Any]
OPEN_RATE = 100.0


@dataclass(frozen=True)
class Run:
    """One run of load on one server, and what the server held right after it."""

    server: str
    result: Result
    memory: Memory


def figures_of(runs: Iterable[Run], family: str) -> list[Figure]:
    """Return a figure for each server and load, in the order in which they first ran."""
    grouped: dict[tuple[str, int, float], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.server, run.result.clients, run.result.rate), []).append(run)
    return [_figure(each, family) for each in grouped.values()]


def _figure(runs: Sequence[Run], family: str) -> Figure:
    """Return the figure of the rounds of one server under one load."""
    results = [run.result for run in runs]
    failed, arms = Counter[str](), Counter[str]()
    for result in results:
        failed.update(result.failed)
        arms.update(result.counted)
    return {
        "benchmark": "serving",
        "server": runs[0].server,
        "family": family,
        "mode": results[0].mode,
        "clients": results[0].clients,
        "rate": results[0].rate,
        "rounds": len(runs),
        "requests": sum(result.requests for result in results),
        "failed": failed.total(),
        "failed_by_reason": dict(failed),
        "reconnected": sum(result.reconnected for result in results),
        "arms": dict(arms),
        "requests_per_second": median(result.throughput for result in results),
        "requests_per_second_spread": _spread([result.throughput for result in results]),
        "p50_ms": median(result.p50_ms for result in results),
        "p99_ms": median(result.p99_ms for result in results),
        "p99_ms_spread": _spread([result.p99_ms for result in results]),
        "max_ms": max(result.max_ms for result in results),
        "generator_late_p99_ms": max(result.late_p99_ms for result in results),
        "generator_cpu": max(result.own_cpu for result in results),
        "processes": runs[-1].memory.processes,
        "rss_mib": median(run.memory.rss_mib for run in runs),
        "uss_mib": median(run.memory.uss_mib for run in runs),
    }


def _spread(values: list[float]) -> list[float]:
    """Return the least and the greatest."""
    return [min(values), max(values)]


def targets_of(figures: Sequence[Figure]) -> list[Figure]:
    """Return each demand on our service with its value: like for like, and in its usual state with a challenger.

    A demand whose figures were not measured is left out.
    """
    found = {(each["server"], each["clients"], each["rate"]): each for each in figures}
    most = max((each["clients"] for each in figures), default=0)
    demands = [
        _ratio(found, most, ours=ours, theirs=theirs, name=name, bound=bound, at_least=at_least)
        for ours in (LIKE_FOR_LIKE.name, USUAL.name)
        for theirs, name, bound, at_least in (
            (PANDAS, "requests_per_second", 3.0, True),
            (PANDAS, "p99_ms", 1 / 3, False),
            (PANDAS_ONE_THREAD, "requests_per_second", 3.0, True),
            (PANDAS_ONE_THREAD, "p99_ms", 1 / 3, False),
            (BARE, "requests_per_second", 1 / 2, True),
            (BARE, "p99_ms", 2.0, False),
        )
    ]
    paced = found.get((USUAL.name, 0, OPEN_RATE))
    if paced is not None:
        name = f"{USUAL.name}: p99_ms at {OPEN_RATE:.0f} requests/s"
        demands.append(_target(name, paced["p99_ms"], 10.0, at_least=False))
    return [each for each in demands if each is not None]


def _ratio(
    found: dict[tuple[str, int, float], Figure],
    clients: int,
    *,
    ours: str,
    theirs: str,
    name: str,
    bound: float,
    at_least: bool,
) -> Figure | None:
    """Return how a figure of ours stands to the same one of a baseline at so many clients."""
    one, other = found.get((ours, clients, 0.0)), found.get((theirs, clients, 0.0))
    if one is None or other is None or not other[name]:
        return None
    said = f"{ours} / {theirs}: {name} at {clients} clients"
    return _target(said, one[name] / other[name], bound, at_least=at_least)


def _target(said: str, value: float, bound: float, *, at_least: bool) -> Figure:
    return {
        "benchmark": "serving",
        "target": said,
        "value": value,
        "at_least" if at_least else "at_most": bound,
        "met": value >= bound if at_least else value <= bound,
    }
