"""The key file: who may read it, two writers, torn content."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from churn_serving.security.keys import ApiKey, KeyFile, KeyFileError, NoKeyFileError, Refusal, Scope
from churn_tests.serving.security.made_keys import NOON, SCORE, bytes_of

WRITER = """
import os, secrets, sys
from datetime import UTC, datetime
from pathlib import Path
from churn_serving.security.keys import KeyFile, Scope

os.umask(0)
path, name, count = sys.argv[1:]
for number in range(int(count)):
    KeyFile(Path(path)).create(f"{name} {number}", [Scope.SCORE], datetime(2025, 3, 1, tzinfo=UTC), secrets.token_bytes)
"""


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile.in_folder(tmp_path / "serving")


def writer(file: KeyFile, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(file.path), name, str(count)])


def open_to_others(folder: Path) -> list[str]:
    """Name the files that others than the owner may read or write; one that has just been replaced has no rights."""
    found = []
    for path in folder.glob("*") if folder.exists() else ():
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        if mode & 0o077:
            found.append(f"{path.name} {stat.filemode(mode)}")
    return found


def test_a_key_that_was_made_is_accepted_from_the_file(file: KeyFile) -> None:
    key, plaintext = file.create(
        "crm",
        SCORE,
        NOON,
        bytes_of("crm"),
        rate_per_second=2.5,
        burst=10,
        expires_at=NOON + timedelta(days=1),
    )

    assert file.load().authenticate(plaintext, NOON) == key
    assert file.all_keys() == (key,)


def test_the_secret_is_not_in_the_file(file: KeyFile) -> None:
    _, plaintext = file.create("crm", SCORE, NOON, bytes_of("crm"))

    assert plaintext.rpartition("_")[2] not in file.path.read_text()


def test_a_revoked_key_is_refused_for_good_and_stays_in_the_list(file: KeyFile) -> None:
    key, plaintext = file.create("crm", SCORE, NOON, bytes_of("crm"))
    other = file.create("web", SCORE, NOON, bytes_of("web"))

    revoked = file.revoke(key.id, NOON)
    again = file.revoke(key.id, NOON + timedelta(days=1))

    assert file.load().authenticate(plaintext, NOON) is Refusal.REVOKED
    assert file.load().authenticate(other.plaintext, NOON) == other.key
    assert revoked == again
    assert [listed.id for listed in file.all_keys()] == [key.id, other.key.id]


def test_an_unknown_id_cannot_be_revoked_and_is_not_repeated(file: KeyFile) -> None:
    with pytest.raises(KeyFileError, match="no key has this id") as refused:
        file.revoke("churn_pasted_secret", NOON)

    assert "secret" not in str(refused.value)


def test_an_id_that_is_taken_is_drawn_again(file: KeyFile) -> None:
    first = file.create("crm", SCORE, NOON, bytes_of("same"))
    draws = iter([bytes.fromhex(first.key.id), bytes(32), bytes(6), bytes(32)])

    second = file.create("web", SCORE, NOON, lambda _: next(draws))

    assert second.key.id == "0" * 12
    assert len(file.load()) == 2


def test_without_a_file_there_are_no_keys_to_list_and_none_to_load(file: KeyFile) -> None:
    assert file.all_keys() == ()
    with pytest.raises(NoKeyFileError, match="churn key create"):
        file.load()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_file_open_to_others_is_refused_with_the_mend(file: KeyFile, mode: int) -> None:
    file.create("crm", SCORE, NOON, bytes_of("crm"))
    file.path.chmod(mode)

    with pytest.raises(KeyFileError, match=rf"mode 0{mode:o}.*`chmod 600 "):
        file.load()
    with pytest.raises(KeyFileError, match="chmod"):
        file.create("web", SCORE, NOON, bytes_of("web"))


def test_a_torn_file_is_refused_and_not_written_over(file: KeyFile) -> None:
    file.create("crm", SCORE, NOON, bytes_of("crm"))
    whole = file.path.read_bytes()
    for cut in range(len(whole) - 2):
        file.path.write_bytes(whole[:cut])
        with pytest.raises(KeyFileError, match="torn or no key file"):
            file.load()

    with pytest.raises(KeyFileError, match="torn"):
        file.create("web", SCORE, NOON, bytes_of("web"))
    assert file.path.read_bytes() == whole[: len(whole) - 3]


def test_a_wrong_field_is_named_by_its_place(file: KeyFile) -> None:
    file.create("crm", SCORE, NOON, bytes_of("crm"))
    plain = json.loads(file.path.read_text())
    plain["keys"][0]["scopes"] = ["everything"]
    file.path.write_text(json.dumps(plain))

    with pytest.raises(KeyFileError, match=r"keys\[0\]\.scopes|keys\[...\]\.scopes"):
        file.load()


def test_two_writers_lose_no_key_and_no_file_is_ever_open_to_others(file: KeyFile) -> None:
    writers = [writer(file, name, 25) for name in ("left", "right")]
    seen: set[str] = set()
    while any(process.poll() is None for process in writers):
        seen.update(open_to_others(file.path.parent))

    assert [process.returncode for process in writers] == [0, 0]
    assert seen == set()
    names = sorted(key.name for key in file.all_keys())
    assert names == sorted(f"{name} {number}" for name in ("left", "right") for number in range(25))


def test_both_scopes_survive_the_disk(file: KeyFile) -> None:
    made = file.create("ops", list(Scope), NOON, bytes_of("ops"))

    found = file.load().authenticate(made.plaintext, NOON)

    assert isinstance(found, ApiKey)
    assert found.scopes == {Scope.SCORE, Scope.OBSERVE}
