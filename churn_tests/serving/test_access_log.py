"""The access log: what is in it, what can never be, and what happens when disks and processes end."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.adapters.home import PROJECT_ROOT
from churn_serving.access_files import prune
from churn_serving.access_log import Access, AccessLog, line_of, request_id_of

ROUTES = frozenset({"/predict", "/predict/batch", "/customers/{id}/score"})
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
CANARY = "+39 347 1234567 Anna Rossi"
ACCESS = Access(
    time=NOON,
    request_id="0123456789abcdef0123456789abcdef",
    key_id="0123456789ab",
    method="POST",
    route="/predict/batch",
    status=200,
    latency_ms=1.2345,
    rows=10,
    champion_rows=8,
    challenger_rows=1,
    fallback_rows=1,
    body_bytes=812,
)
SERVICE = """
import resource, sys
from pathlib import Path
from churn_serving.access_log import AccessLog
from churn_tests.serving.test_access_log import ACCESS

if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
log = AccessLog(Path(sys.argv[1]), {"/predict/batch"})
for _ in range(20):
    log.write(ACCESS)
    if len(sys.argv) > 2:
        log.flush()
print(log.lost)
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AccessLog]:
    log = AccessLog(tmp_path / "logs", ROUTES)
    yield log
    log.close()


def lines_in(folder: Path) -> list[str]:
    return [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def service(folder: Path, *limit: str) -> subprocess.CompletedProcess[str]:
    """Log twenty requests in a process of its own that ends without closing its log."""
    command = [sys.executable, "-c", SERVICE, str(folder), *limit]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def test_a_request_is_one_line_of_json_with_these_fields_alone(log: AccessLog) -> None:
    log.write(ACCESS)
    log.flush()

    assert log.path.name == f"access-{os.getpid()}.jsonl"
    (line,) = log.path.read_text().splitlines()
    assert json.loads(line) == {
        "time": "2025-03-01T12:00:00.000+00:00",
        "request_id": "0123456789abcdef0123456789abcdef",
        "key_id": "0123456789ab",
        "method": "POST",
        "route": "/predict/batch",
        "status": 200,
        "latency_ms": 1.234,
        "rows": 10,
        "champion_rows": 8,
        "challenger_rows": 1,
        "fallback_rows": 1,
        "body_bytes": 812,
    }


def test_times_are_utc() -> None:
    rome = NOON.astimezone(timezone(timedelta(hours=2)))

    line = json.loads(line_of(msgspec.structs.replace(ACCESS, time=rome), ROUTES))

    assert line["time"] == "2025-03-01T12:00:00.000+00:00"


def test_a_request_without_a_key_has_none() -> None:
    line = json.loads(line_of(msgspec.structs.replace(ACCESS, key_id=None, status=401), ROUTES))

    assert (line["key_id"], line["status"]) == (None, 401)


@pytest.mark.parametrize("field", ["request_id", "key_id", "method", "route"])
@pytest.mark.parametrize("text", [CANARY, "/customers/3471234567/score", 'a","rows":"b', "", "\n"])
def test_no_word_of_the_client_enters_though_the_service_hands_it_over(field: str, text: str) -> None:
    line = line_of(msgspec.structs.replace(ACCESS, **{field: text}), ROUTES)

    assert json.loads(line)[field] == "OTHER"
    assert line.count("\n") == 1
    assert not text.strip() or text not in line


@pytest.mark.parametrize("field", ["status", "latency_ms", "rows", "champion_rows", "body_bytes"])
def test_a_numbers_place_takes_no_text(field: str) -> None:
    with pytest.raises(TypeError):
        line_of(msgspec.structs.replace(ACCESS, **{field: CANARY}), ROUTES)


@given(texts=st.tuples(st.text(), st.text(), st.text(), st.text()))
def test_any_text_leaves_one_whole_line(texts: tuple[str, str, str, str]) -> None:
    request_id, key_id, method, route = texts
    access = msgspec.structs.replace(ACCESS, request_id=request_id, key_id=key_id, method=method, route=route)

    line = line_of(access, ROUTES)

    assert line.isascii()
    assert list(json.loads(line)) == list(Access.__struct_fields__)


@pytest.mark.parametrize(
    "sent",
    [
        "0123456789abcdef0123456789abcdef",
        "0123456789ABCDEF0123456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef",
    ],
)
def test_a_clients_request_id_is_kept_if_it_is_a_uuid(sent: str) -> None:
    assert request_id_of([(b"host", b"x"), (b"x-request-id", sent.encode())]) == sent


@pytest.mark.parametrize(
    "sent",
    [
        CANARY.encode(),
        b"",
        b"0123456789abcdef0123456789abcdef\n",
        b"{01234567-89ab-cdef-0123-456789abcdef}",
        b"0123456789abcdef0123456789abcde",
        b"0123-4567-89abcdef0123456789abcdef--",
        "\N{ARABIC-INDIC DIGIT ZERO}123456789abcdef0123456789abcdef".encode(),
    ],
)
def test_any_other_request_id_is_replaced_by_a_new_one(sent: bytes) -> None:
    new = UUID("00000000-0000-4000-8000-000000000001")

    assert request_id_of([(b"x-request-id", sent)], new=lambda: new) == new.hex


def test_without_a_request_id_each_request_gets_its_own() -> None:
    ids = {request_id_of([]) for _ in range(100)}

    assert len(ids) == 100
    assert all(UUID(one).version == 4 for one in ids)


@given(
    headers=st.lists(st.tuples(st.just(b"x-request-id") | st.binary(), st.binary(max_size=60)), max_size=4)
)
def test_no_junk_in_headers_raises_or_passes(headers: list[tuple[bytes, bytes]]) -> None:
    assert UUID(request_id_of(headers))


def test_a_line_is_on_the_disk_soon_without_being_asked_for(log: AccessLog) -> None:
    log.write(ACCESS)

    deadline = time.monotonic() + 10
    while not log.path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert log._waiting.maxlen is None
    assert len(log._waiting) == 0


def test_what_waits_is_written_when_the_process_ends(tmp_path: Path) -> None:
    ended = service(tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert len(lines_in(tmp_path)) == 20


def test_files_are_rotated_by_size_and_lines_stay_whole(tmp_path: Path) -> None:
    log = AccessLog(tmp_path, ROUTES, max_bytes=2_000, backups=3)
    for _ in range(100):
        log.write(ACCESS)
        log.flush()
    log.close()

    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [log.path.name, *(f"{log.path.name}.{number}" for number in (1, 2, 3))]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    assert all(json.loads(line)["rows"] == 10 for line in lines_in(tmp_path))
    assert log.lost == 0


def test_closing_twice_is_closing_once(log: AccessLog) -> None:
    log.write(ACCESS)

    log.close()
    log.close()

    assert len(log.path.read_text().splitlines()) == 1


def test_on_a_full_disk_the_service_goes_on_and_lost_lines_are_counted(tmp_path: Path) -> None:
    ended = service(tmp_path, "1000")

    assert ended.returncode == 0, ended.stderr
    written = lines_in(tmp_path)
    assert 0 < len(written) < 20
    assert int(ended.stdout) == 20 - len(written)
    assert all(json.loads(line) for line in written)
    assert "Traceback" not in ended.stderr


def test_a_disk_that_fails_is_reported_once(
    log: AccessLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log._file, "_append", full)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            log.write(ACCESS)
            log.flush()

    assert log.lost == 3
    assert len(caplog.records) == 1


def test_files_of_dead_processes_are_pruned_the_oldest_first(tmp_path: Path) -> None:
    names = [f"access-{pid}.jsonl" for pid in (10, 11, 12, 13)] + ["access-12.jsonl.1", "notes.txt"]
    for age, name in enumerate(names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000 + age, 1_000 + age))

    removed = prune(tmp_path, keep=2, is_alive=lambda pid: pid == 10)

    assert {path.name for path in removed} == {"access-11.jsonl", "access-12.jsonl"}
    assert {path.name for path in tmp_path.iterdir()} == set(names) - {"access-11.jsonl", "access-12.jsonl"}


def test_a_start_prunes_what_earlier_ones_left_but_not_who_still_runs(tmp_path: Path) -> None:
    for _ in range(3):
        assert service(tmp_path).returncode == 0
    (tmp_path / f"access-{os.getppid()}.jsonl").touch()

    AccessLog(tmp_path, ROUTES, dead_files=1).close()

    names = {path.name for path in tmp_path.iterdir()}
    assert {f"access-{os.getpid()}.jsonl", f"access-{os.getppid()}.jsonl"} < names
    assert len(names) == 3
