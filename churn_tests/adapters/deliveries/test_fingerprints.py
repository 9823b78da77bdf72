"""Is a delivery unchanged? Answered by the file's attributes where they can tell, by its content where not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from churn_assets.adapters.deliveries import FilesSource, Fingerprint, Stamp
from churn_assets.domain.tables import TRANSACTIONS
from churn_tests.domain.good_rows import MONTH, good_rows, with_value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "transactions" / "2024-05.parquet"
    path.parent.mkdir()
    good_rows(TRANSACTIONS).write_parquet(path, compression="uncompressed")
    return path


def now(file: Path) -> Fingerprint:
    fingerprint = FilesSource(file.parent.parent).fingerprint("transactions", MONTH)
    assert fingerprint is not None
    return fingerprint


def test_what_was_read_is_recognised_without_reading_it_again(file: Path) -> None:
    stamp = FilesSource(file.parent.parent).read("transactions", MONTH).stamp
    fingerprint = now(file)

    assert fingerprint.unchanged_since(stamp)
    assert "sha256" not in vars(fingerprint)


def test_a_touched_file_has_not_changed(file: Path) -> None:
    stamp = now(file).stamp
    os.utime(file, ns=(1, 1))

    assert now(file).unchanged_since(stamp)


def test_a_copy_in_another_folder_has_not_changed(file: Path, tmp_path: Path) -> None:
    stamp = now(file).stamp
    copy = tmp_path / "copy" / "transactions" / file.name
    copy.parent.mkdir(parents=True)
    shutil.copy2(file, copy)

    assert now(copy).unchanged_since(stamp)


def test_other_content_of_the_same_size_and_the_same_time_has_changed(file: Path) -> None:
    stamp = now(file).stamp
    with_value(good_rows(TRANSACTIONS), 1, amount=30.9).write_parquet(file, compression="uncompressed")
    os.utime(file, ns=(stamp.mtime_ns, stamp.mtime_ns))

    fingerprint = now(file)

    assert (fingerprint.size, fingerprint.mtime_ns) == (stamp.size, stamp.mtime_ns)
    assert not fingerprint.unchanged_since(stamp)


def test_another_size_has_changed_without_reading_it(file: Path) -> None:
    stamp = now(file).stamp
    good_rows(TRANSACTIONS, 900).write_parquet(file)
    fingerprint = now(file)

    assert not fingerprint.unchanged_since(stamp)
    assert "sha256" not in vars(fingerprint)


def test_a_stamp_comes_back_from_json(file: Path) -> None:
    stamp = now(file).stamp

    assert Stamp.from_json(stamp.to_json()) == stamp


def test_there_is_no_fingerprint_without_a_file(tmp_path: Path) -> None:
    assert FilesSource(tmp_path).fingerprint("transactions", MONTH) is None
