"""A server is there while it is measured, all of it is counted, and nothing of it is left."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from churn_tests.benchmarks.serving.processes import tree
from churn_tests.benchmarks.serving.server import ServerError, answers, free_port, started

CONSTANT = [sys.executable, "-m", "churn_tests.benchmarks.serving.peer_constant", "--port"]


def lives(pid: int) -> bool:
    """Tell whether a process is there and not only waiting to be reaped."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def test_a_server_answers_and_is_gone_afterwards() -> None:
    port = free_port()

    with started([*CONSTANT, str(port)], port, lambda: answers(port, "/ping")) as server:
        assert answers(port, "/anything")
        held = server.memory()

    assert held.processes == 1
    assert 5 < held.uss_mib <= held.rss_mib < 200
    assert not answers(port, "/ping")
    assert not lives(server.pid)


def test_a_daemon_that_left_its_parent_is_counted_and_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        f"(setsid sleep 60 & echo $! > {note}); exec sleep 60"  # the bracket ends: its child has no parent
    )
    with started(["bash", "-c", script], 0, lambda: note.exists() and bool(note.read_text())) as server:
        daemon = int(note.read_text())
        members = {process.pid for process in tree(server.pid, server.mark)}
        assert {server.pid, daemon} == members
        assert lives(daemon)

    assert not lives(daemon)
    assert not lives(server.pid)


def test_a_server_that_ignores_the_end_is_killed() -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(60)"
    begun = time.monotonic()

    with started(
        [sys.executable, "-c", script], 0, lambda: time.monotonic() > begun + 0.5, farewell=0.3
    ) as server:
        pass

    assert not lives(server.pid)
    assert time.monotonic() < begun + 10


def test_a_server_that_fails_says_why() -> None:
    with (
        pytest.raises(ServerError, match="ended with 3:\nno such model"),
        started(["bash", "-c", "echo no such model; exit 3"], 0, lambda: False),
    ):
        pass


def test_a_server_that_never_answers_is_given_up() -> None:
    with (
        pytest.raises(ServerError, match="not ready within 0 s"),
        started(["sleep", "60"], 0, lambda: False, startup=0.3),
    ):
        pass
