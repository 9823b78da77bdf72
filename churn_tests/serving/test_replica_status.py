"""What replicas say of themselves: fresh while they live, gone when they are dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from churn_serving.replica_status import FRESH_S, Failure, ReplicaStatus, StatusFile, statuses

FAILURE = Failure("configuration", "3", "version 2 is not served", "2025-03-01T12:00:00+00:00")
STATUS = ReplicaStatus(os.getpid(), "champion", 3, 2, "2025-02-0123456789abcdef", "c0de", (FAILURE,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "replicas"


def dead_pid() -> int:
    """Return the number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_status_is_read_as_it_was_written(folder: Path) -> None:
    StatusFile(folder).write(STATUS)

    assert statuses(folder) == [STATUS]


def test_a_changed_status_takes_the_place_of_the_former(folder: Path) -> None:
    file = StatusFile(folder)
    file.write(STATUS)
    file.write(msgspec.structs.replace(STATUS, in_force=3, failures=()))

    assert [(each.in_force, each.failures) for each in statuses(folder)] == [(3, ())]


def test_a_replica_that_says_nothing_any_more_does_not_count_though_its_process_is_there(
    folder: Path,
) -> None:
    file = StatusFile(folder)
    file.write(STATUS)
    (path,) = folder.iterdir()
    silent = time.time() - FRESH_S - 1
    os.utime(path, (silent, silent))

    assert statuses(folder) == []

    file.write(STATUS)  # the same again: it lives
    assert statuses(folder) == [STATUS]


def test_a_dead_process_leaves_no_status(folder: Path) -> None:
    StatusFile(folder).write(STATUS)
    left = folder / f"{dead_pid()}.json"
    left.write_bytes(msgspec.json.encode(STATUS))

    assert statuses(folder) == [STATUS]
    assert not left.exists()


def test_a_file_that_somebody_took_away_is_written_again(folder: Path) -> None:
    file = StatusFile(folder)
    file.write(STATUS)
    for path in folder.iterdir():
        path.unlink()

    file.write(STATUS)

    assert statuses(folder) == [STATUS]


def test_without_replicas_there_is_no_status(folder: Path) -> None:
    assert statuses(folder) == []
