"""The keys in force while the file changes, breaks and vanishes under a running service."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from churn_serving.security.keys import KeyFile, KeyWatch, Refusal
from churn_tests.serving.security.made_keys import NOON, SCORE, bytes_of


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile.in_folder(tmp_path)


@pytest.fixture
def plaintext(file: KeyFile) -> str:
    return file.create("crm", SCORE, NOON, bytes_of("crm")).plaintext


def accepts(watch: KeyWatch, plaintext: str, now: float = 0.0) -> bool:
    return not isinstance(watch.ring(now).authenticate(plaintext, NOON), Refusal)


def test_a_new_key_works_and_a_revoked_one_fails_at_the_next_request(file: KeyFile, plaintext: str) -> None:
    watch = KeyWatch(file)
    assert accepts(watch, plaintext)

    new = file.create("web", SCORE, NOON, bytes_of("web"))
    assert accepts(watch, new.plaintext)

    file.revoke(new.key.id, NOON)
    assert watch.ring(0.0).authenticate(new.plaintext, NOON) is Refusal.REVOKED
    assert accepts(watch, plaintext)
    assert watch.problem is None


def test_an_unchanged_file_is_not_read_again(file: KeyFile, plaintext: str) -> None:
    watch = KeyWatch(file)

    assert accepts(watch, plaintext)

    assert watch.ring(1.0) is watch.ring(2.0)


def test_it_looks_no_more_often_than_told(file: KeyFile, plaintext: str) -> None:
    watch = KeyWatch(file, every_seconds=5.0)
    assert accepts(watch, plaintext, now=100.0)
    file.path.unlink()

    assert accepts(watch, plaintext, now=104.9)
    assert not accepts(watch, plaintext, now=105.0)


def test_where_the_file_vanished_no_key_is_accepted_until_it_is_back(file: KeyFile, plaintext: str) -> None:
    watch = KeyWatch(file)
    assert accepts(watch, plaintext)
    away = file.path.rename(file.path.with_suffix(".away"))

    assert not accepts(watch, plaintext)
    assert "no key is accepted" in str(watch.problem)

    away.rename(file.path)
    assert accepts(watch, plaintext)
    assert watch.problem is None


def test_without_a_file_from_the_start_no_key_is_accepted(file: KeyFile) -> None:
    watch = KeyWatch(file)

    assert len(watch.ring(0.0)) == 0
    assert "no key is accepted" in str(watch.problem)
    assert accepts(watch, file.create("crm", SCORE, NOON, bytes_of("crm")).plaintext)


@pytest.mark.parametrize("harm", ["torn", "open"])
def test_a_file_that_cannot_be_used_leaves_the_last_keys_in_force_and_says_so_once(
    file: KeyFile, plaintext: str, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = KeyWatch(file)
    assert accepts(watch, plaintext)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:40]) if harm == "torn" else file.path.chmod(0o644)

    with caplog.at_level(logging.ERROR):
        for second in range(10):
            assert accepts(watch, plaintext, now=float(second))

    assert "stay in force" in str(watch.problem)
    assert len(caplog.records) == 1
    assert plaintext.rpartition("_")[2] not in caplog.text

    file.path.write_bytes(whole)
    file.path.chmod(0o600)
    assert accepts(watch, plaintext, now=9.0)
    assert watch.problem is None


def test_a_torn_file_at_the_start_accepts_no_key(file: KeyFile, plaintext: str) -> None:
    file.path.write_bytes(b"{")

    watch = KeyWatch(file)

    assert not accepts(watch, plaintext)
    assert "torn" in str(watch.problem)
