"""The audit trail under honest use, two writers, crashes and tampering."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from churn_assets.adapters.audit import AuditError, AuditLog

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from churn_assets.adapters.audit import AuditLog

path, name, count = sys.argv[1:]
log = AuditLog(Path(path))
print("ready", flush=True)
for number in range(int(count)):
    log.append(name, "write", f"thing/{number}", {"number": number}, datetime(2025, 3, 1, tzinfo=UTC))
"""


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit" / "audit.jsonl")


def filled(log: AuditLog, count: int) -> list[bytes]:
    """Append so many records and return their lines."""
    for number in range(1, count + 1):
        at = NOON + timedelta(minutes=number)
        log.append("scheduler", "promote", f"champion/{number}", {"version": str(number), "auc": 0.86}, at)
    return log.path.read_bytes().splitlines()


def replaced(log: AuditLog, lines: list[bytes]) -> None:
    log.path.write_bytes(b"".join(line + b"\n" for line in lines))


def writer(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_what_was_appended_is_read_back_in_order(log: AuditLog) -> None:
    rome = timezone(timedelta(hours=2))

    first = log.append("anna", "release", "delivery/2025-03", {"reason": "büro ✓"}, NOON)
    second = log.append("scheduler", "promote", "champion/2025-03", {}, datetime(2025, 3, 1, 15, tzinfo=rome))

    assert log.records() == [first, second]
    assert (first.seq, second.seq) == (1, 2)
    assert first.details == {"reason": "büro ✓"}
    assert second.time == "2025-03-01T13:00:00.000000+00:00"
    assert log.verify().ok


def test_a_record_is_one_line_of_canonical_json(log: AuditLog) -> None:
    line = filled(log, 1)[0]

    plain = json.loads(line)

    assert list(plain) == ["action", "actor", "details", "prev", "seq", "subject", "time"]
    assert plain["prev"] == "0" * 64
    assert b" " not in line


def test_a_trail_that_does_not_exist_yet_is_empty_and_whole(log: AuditLog) -> None:
    verified = log.verify()

    assert log.records() == []
    assert verified.ok
    assert verified.seq == 0
    assert not log.path.exists()


def test_two_processes_never_fork_the_chain(log: AuditLog) -> None:
    writers = [writer(log.path, name, 60) for name in ("left", "right")]

    for process in writers:
        process.communicate(timeout=60)

    assert [process.returncode for process in writers] == [0, 0]
    assert log.verify().ok
    for name in ("left", "right"):
        own = [record.details["number"] for record in log.records() if record.actor == name]
        assert own == list(range(60))


def test_a_reader_beside_a_writer_sees_a_whole_trail(log: AuditLog) -> None:
    process = writer(log.path, "left", 100)

    while process.poll() is None:
        assert log.verify().ok
    process.communicate()

    assert len(log.records()) == 100


@pytest.mark.parametrize("attempt", range(4))
def test_after_a_kill_the_trail_is_whole_and_goes_on(log: AuditLog, attempt: int) -> None:
    process = writer(log.path, "killed", 100_000)
    assert process.stdout is not None
    process.stdout.readline()
    while not log.path.exists() or log.path.stat().st_size < 2_000 * (attempt + 1):
        assert process.poll() is None

    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)

    log.repair("operator", NOON)
    log.append("operator", "go on", "audit", {}, NOON)
    assert log.verify().ok


def test_where_the_disk_is_full_nothing_of_the_record_stays(log: AuditLog) -> None:
    filled(log, 2)
    before = log.path.read_bytes()
    full = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 50}, -1))\n"

    command = [sys.executable, "-c", full + WRITER, str(log.path), "writer", "1"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "OSError" in process.stderr
    assert log.path.read_bytes() == before
    assert log.verify().ok


def test_a_torn_last_line_is_reported_stops_the_next_record_and_is_mended_in_the_open(log: AuditLog) -> None:
    filled(log, 3)
    with log.path.open("ab") as file:
        file.write(b'{"action":"prom')

    verified = log.verify()
    with pytest.raises(AuditError, match="torn"):
        log.append("scheduler", "promote", "champion/4", {}, NOON)
    mended = log.repair("operator", NOON)

    assert (verified.ok, verified.seq) == (False, 4)
    assert "torn" in verified.sentence
    assert mended is not None
    assert (mended.seq, mended.action, mended.details["bytes"]) == (4, "repair", 15)
    assert log.verify().ok
    assert log.repair("operator", NOON) is None


def test_whole_records_before_a_torn_line_stay_readable(log: AuditLog) -> None:
    filled(log, 2)
    with log.path.open("ab") as file:
        file.write(b"{")

    assert [record.seq for record in log.records()] == [1, 2]


def test_a_crash_between_record_and_head_is_no_tampering(log: AuditLog) -> None:
    filled(log, 2)
    head = log.path.with_name("audit.jsonl.head")
    one_behind = head.read_bytes()
    log.append("scheduler", "promote", "champion/3", {}, NOON)
    head.write_bytes(one_behind)

    assert log.verify().ok
    log.append("scheduler", "promote", "champion/4", {}, NOON)
    assert log.verify().seq == 4


def edited(lines: list[bytes], place: int) -> list[bytes]:
    return [line.replace(b"0.86", b"0.96") if at == place else line for at, line in enumerate(lines, start=1)]


def deleted(lines: list[bytes], place: int) -> list[bytes]:
    return lines[: place - 1] + lines[place:]


def inserted(lines: list[bytes], place: int) -> list[bytes]:
    forged = json.loads(lines[place - 1]) | {"actor": "nobody"}
    line = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    return [*lines[: place - 1], line, *lines[place - 1 :]]


def swapped(lines: list[bytes], place: int) -> list[bytes]:
    return [*lines[: place - 1], lines[place], lines[place - 1], *lines[place + 1 :]]


def cut(lines: list[bytes], place: int) -> list[bytes]:
    return lines[: place - 1]


def respaced(lines: list[bytes], place: int) -> list[bytes]:
    return [line.replace(b",", b", ") if at == place else line for at, line in enumerate(lines, start=1)]


@pytest.mark.parametrize("tamper", [edited, deleted, inserted, cut, respaced])
@pytest.mark.parametrize("place", [1, 4, 8])
def test_tampering_is_found_and_the_record_named(
    log: AuditLog, tamper: Callable[[list[bytes], int], list[bytes]], place: int
) -> None:
    replaced(log, tamper(filled(log, 8), place))

    verified = log.verify()

    assert not verified.ok
    assert verified.seq == place
    assert str(place) in verified.sentence


@pytest.mark.parametrize("place", [1, 4, 7])
def test_a_changed_order_is_found_and_the_record_named(log: AuditLog, place: int) -> None:
    replaced(log, swapped(filled(log, 8), place))

    verified = log.verify()

    assert not verified.ok
    assert verified.seq == place


@pytest.mark.parametrize("tamper", [edited, cut])
def test_nothing_is_built_upon_a_forged_end(
    log: AuditLog, tamper: Callable[[list[bytes], int], list[bytes]]
) -> None:
    replaced(log, tamper(filled(log, 3), 3))

    with pytest.raises(AuditError, match="changed or cut off"):
        log.append("scheduler", "promote", "champion/4", {}, NOON)


def test_an_emptied_trail_is_found(log: AuditLog) -> None:
    filled(log, 3)
    log.path.unlink()

    assert log.verify().seq == 1
    with pytest.raises(AuditError, match="went to record 3"):
        log.append("scheduler", "promote", "champion/4", {}, NOON)


@pytest.mark.parametrize("content", [None, b"no head"])
def test_a_head_that_was_taken_away_or_spoiled_is_found(log: AuditLog, content: bytes | None) -> None:
    filled(log, 3)
    head = log.path.with_name("audit.jsonl.head")
    head.unlink() if content is None else head.write_bytes(content)

    assert not log.verify().ok


def test_order_is_by_number_and_a_clock_set_back_is_told(log: AuditLog) -> None:
    log.append("scheduler", "promote", "champion/1", {}, NOON)
    log.append("scheduler", "promote", "champion/2", {}, NOON - timedelta(days=1))

    verified = log.verify()

    assert verified.ok
    assert verified.backward == (2,)
    assert "set back before record 2" in verified.sentence


def test_a_record_longer_than_a_block_is_found_as_the_last_one(log: AuditLog) -> None:
    log.append("scheduler", "promote", "champion/1", {"evidence": "x" * 20_000}, NOON)

    log.append("scheduler", "promote", "champion/2", {}, NOON)

    assert log.verify().ok


def test_a_time_without_a_zone_is_refused(log: AuditLog) -> None:
    with pytest.raises(ValueError, match="time zone"):
        log.append("anna", "release", "delivery/2025-03", {}, NOON.replace(tzinfo=None))


def test_evidence_that_is_no_plain_json_is_refused_and_leaves_nothing(log: AuditLog) -> None:
    for details in ({"auc": float("nan")}, {"when": NOON}):
        with pytest.raises(ValueError, match="plain JSON"):
            log.append("anna", "release", "delivery/2025-03", details, NOON)

    assert log.records() == []


def test_a_record_without_an_actor_is_refused(log: AuditLog) -> None:
    with pytest.raises(ValueError, match="needs an actor"):
        log.append(" ", "release", "delivery/2025-03", {}, NOON)
