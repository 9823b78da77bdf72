"""kill -9 at random moments: every table stays readable, each month of it is old or new, and living again heals."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from churn_assets.adapters.champions import CHALLENGERS, champion_at
from churn_assets.defs.retention import CAMPAIGN
from churn_assets.defs.scoring import SCORES
from churn_assets.domain.months import Month
from churn_tests.end_to_end.installation import (
    APRIL,
    FEBRUARY,
    JANUARY,
    JUNE,
    MARCH,
    MAY,
    PUBLISHED,
    Installation,
)

MONTHS = (JANUARY, FEBRUARY, MARCH, APRIL)
KILLS = 6
LONGEST = 2.5
"""Seconds; taking the month in takes about two thirds of it."""


def test_a_month_is_old_or_new_whenever_its_process_is_killed(
    before_april: Installation, to_april: Installation, tmp_path: Path
) -> None:
    one, other = _two_deliveries(to_april, tmp_path)
    bits = [to_april.bits_of(MONTHS), _bits_of(before_april.copied(tmp_path / "undisturbed"), other)]
    assert bits[0] != bits[1]
    moments = random.Random(7)  # noqa: S311  moments, not secrets

    for _ in range(KILLS):
        _live_and_be_killed(before_april, APRIL, [one, other], after=moments.uniform(0, LONGEST))

        _assert_old_or_new(before_april.published(MONTHS), *bits)
        assert before_april.status(APRIL)[0] in {"published", "cleaned", "not taken in"}

    for deliveries, expected in ((one, bits[0]), (other, bits[1])):
        before_april.put_in_place(deliveries)
        assert {stage.outcome for stage in before_april.live(APRIL)} <= {"done", "unchanged"}
        assert before_april.published(MONTHS) == expected
    assert {stage.outcome for stage in before_april.live(APRIL)} == {"unchanged"}


def test_training_that_was_killed_is_done_again_and_gives_the_same_model(
    to_may: Installation, tmp_path: Path
) -> None:
    killed, undisturbed = (to_may.copied(tmp_path / name) for name in ("killed", "undisturbed"))
    for moment in (1.5, 4.0):
        _live_and_be_killed(killed, JUNE, [killed.deliveries], after=moment, retrained="yes")

    for installation in (killed, undisturbed):
        assert {stage.outcome for stage in installation.live(JUNE, scored=[JUNE])} <= {"done", "unchanged"}

    challengers = [home.lake.read(CHALLENGERS, JUNE)["digest"].item() for home in (killed, undisturbed)]
    assert challengers[0] == challengers[1]
    champions = [champion_at(home.lake, JUNE) for home in (killed, undisturbed)]
    assert champions[0] is not None
    assert champions[1] is not None
    assert champions[0].digest == champions[1].digest
    results = (*PUBLISHED, SCORES, CAMPAIGN)
    assert killed.published([MAY, JUNE], results) == undisturbed.published([MAY, JUNE], results)


def _live_and_be_killed(
    installation: Installation, month: Month, deliveries: list[Path], *, after: float, retrained: str = "no"
) -> None:
    """Let a process of its own live, and kill it so many seconds after it began."""
    arguments = [str(installation.folder), str(month), retrained, *map(str, deliveries)]
    with subprocess.Popen(
        [sys.executable, "-m", "churn_tests.end_to_end.restless", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"living\n"
        time.sleep(after)
        assert process.poll() is None
        process.kill()


def _assert_old_or_new(found: Mapping[str, str], old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for name, bits in found.items():
        assert bits in {old[name], new[name]}, name
    assert {name for name in old if not name.endswith(str(APRIL))} <= found.keys()


def _bits_of(installation: Installation, deliveries: Path) -> dict[str, str]:
    installation.put_in_place(deliveries)
    installation.live(APRIL)
    return installation.published(MONTHS)


def _two_deliveries(to_april: Installation, folder: Path) -> tuple[Path, Path]:
    """Write April as it is, and with another value in every row of three tables."""
    changes = {"customers": "plan_monthly_eur", "transactions": "amount", "call_records": "duration_seconds"}
    for name, more in (("one", 0), ("other", 1)):
        for table, column in changes.items():
            path = folder / name / table / f"{APRIL}.parquet"
            path.parent.mkdir(parents=True)
            to_april.rows(table, APRIL).with_columns(pl.col(column) + more).write_parquet(path)
    return folder / "one", folder / "other"
