"""The lake replaces a month in one commit, and keeps the others and the former versions."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from churn_assets.adapters.lake import Lake, LakeError
from churn_assets.domain.months import Month

JANUARY, FEBRUARY = Month(2025, 1), Month(2025, 2)
ROWS = pl.DataFrame({"customer_id": [1, 2], "amount": [1.5, None]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def test_a_month_is_replaced_and_the_others_stay(lake: Lake) -> None:
    lake.write("t", JANUARY, ROWS)
    lake.write("t", FEBRUARY, ROWS)

    lake.write("t", JANUARY, ROWS.head(1))

    assert lake.read("t", JANUARY).height == 1
    assert lake.read("t", FEBRUARY).height == 2
    assert lake.months("t") == [JANUARY, FEBRUARY]


def test_the_former_version_stays_readable(lake: Lake) -> None:
    first = lake.write("t", JANUARY, ROWS)

    second = lake.write("t", JANUARY, ROWS.head(0))

    assert second.version > first.version
    assert not lake.has("t", JANUARY)
    assert pl.scan_delta(lake.location("t"), version=first.version).collect().height == 2


def test_a_new_column_is_null_in_the_months_before(lake: Lake) -> None:
    lake.write("t", JANUARY, ROWS)

    lake.write("t", FEBRUARY, ROWS.with_columns(extra=pl.lit("x")))

    assert lake.read("t", JANUARY)["extra"].null_count() == 2


def test_an_empty_month_makes_a_table_without_rows(lake: Lake) -> None:
    lake.write("t", JANUARY, ROWS.head(0))

    assert lake.scan("t", [JANUARY]).collect().height == 0
    assert lake.months("t") == []


def test_what_is_missing_is_named_with_its_mend(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"no month 2025-01.*churn run --until 2025-01"):
        lake.read("t", JANUARY)


def test_a_kill_in_the_middle_of_writing_leaves_the_old_month_or_the_new(tmp_path: Path) -> None:
    """Twenty writers are killed at other moments; readers see 1,000 equal rows of the one or the other, never a mixture."""
    lake = Lake(str(tmp_path))
    lake.write("t", JANUARY, pl.DataFrame({"value": [0] * 1_000}))
    writer = (
        "import sys, polars as pl\n"
        "from churn_assets.adapters.lake import Lake\n"
        "from churn_assets.domain.months import Month\n"
        "value = int(sys.argv[2])\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    value += 1\n"
        "    Lake(sys.argv[1]).write('t', Month(2025, 1), pl.DataFrame({'value': [value] * 1_000}))\n"
    )
    seen = set()
    for trial in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, str(tmp_path), str(trial * 1_000)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.003 * trial)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        values = lake.read("t", JANUARY)["value"]
        assert values.len() == 1_000
        assert values.n_unique() == 1
        seen.add(values[0])
    lake.write("t", JANUARY, ROWS.select(value="customer_id"))
    assert lake.read("t", JANUARY)["value"].to_list() == [1, 2]
    assert len(seen) > 1
