"""Rounds become medians and spreads, and each demand is judged on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from churn_tests.benchmarks.serving.contenders import BARE, LIKE_FOR_LIKE, PANDAS, USUAL
from churn_tests.benchmarks.serving.figures import OPEN_RATE, Run, figures_of, targets_of
from churn_tests.benchmarks.serving.processes import Memory
from churn_tests.benchmarks.serving.tally import Tally

QUIET = Tally().result(mode="closed", clients=16, rate=0, elapsed=1, cap=16, cpu=0.1, loop="uvloop")


def run(server: str, throughput: float, p99_ms: float, *, rate: float = 0.0) -> Run:
    """A run of a server with 16 clients, or at a rate."""
    result = replace(QUIET, throughput=throughput, p99_ms=p99_ms, requests=100, rate=rate)
    return Run(server, replace(result, clients=0) if rate else result, Memory(2, 100, 50))


def test_rounds_are_told_by_median_and_spread_and_failures_are_summed() -> None:
    failing = replace(QUIET, throughput=70, p99_ms=9, requests=100, failed={"status 503": 2, "refused": 1})
    runs = [run(BARE, 100, 5), Run(BARE, failing, Memory(3, 110, 60)), run(BARE, 90, 6)]

    [figure] = figures_of(runs, "lightgbm")

    assert (figure["requests_per_second"], figure["requests_per_second_spread"]) == (90, [70, 100])
    assert (figure["p99_ms"], figure["p99_ms_spread"]) == (6, [5, 9])
    assert (figure["requests"], figure["failed"]) == (300, 3)
    assert figure["failed_by_reason"] == {"status 503": 2, "refused": 1}
    assert (figure["rounds"], figure["rss_mib"], figure["uss_mib"]) == (3, 100, 50)


def test_demands_are_judged_against_the_baselines() -> None:
    figures = figures_of(
        [
            run(PANDAS, 100, 60),
            run(BARE, 1_000, 10),
            run(LIKE_FOR_LIKE.name, 300, 21),
            run(USUAL.name, 600, 20),
            run(USUAL.name, 100, 9.9, rate=OPEN_RATE),
        ],
        "lightgbm",
    )

    judged = {each["target"]: (each["value"], each["met"]) for each in targets_of(figures)}

    assert judged == {
        f"{LIKE_FOR_LIKE.name} / {PANDAS}: requests_per_second at 16 clients": (3.0, True),
        f"{LIKE_FOR_LIKE.name} / {PANDAS}: p99_ms at 16 clients": (pytest.approx(0.35), False),
        f"{LIKE_FOR_LIKE.name} / {BARE}: requests_per_second at 16 clients": (0.3, False),
        f"{LIKE_FOR_LIKE.name} / {BARE}: p99_ms at 16 clients": (2.1, False),
        f"{USUAL.name} / {PANDAS}: requests_per_second at 16 clients": (6.0, True),
        f"{USUAL.name} / {PANDAS}: p99_ms at 16 clients": (pytest.approx(1 / 3), True),
        f"{USUAL.name} / {BARE}: requests_per_second at 16 clients": (0.6, True),
        f"{USUAL.name} / {BARE}: p99_ms at 16 clients": (2.0, True),
        f"{USUAL.name}: p99_ms at 100 requests/s": (9.9, True),
    }


def test_what_was_not_measured_is_not_judged() -> None:
    assert targets_of([]) == []
    assert targets_of(figures_of([run(PANDAS, 100, 60)], "xgboost")) == []


@pytest.mark.parametrize(
    ("arms", "shown"),
    [
        ({}, False),
        ({"champion": 1_000}, False),
        ({"champion": 900, "challenger": 100}, True),
        ({"champion": 500, "challenger": 500}, False),
    ],
)
def test_a_split_is_there_once_the_answers_show_it(arms: dict[str, int], *, shown: bool) -> None:
    assert USUAL.shown_by(arms) == shown
