"""Files: damage is named with its mend, a kill leaves the old snapshot or the new, mapped rows outlive their files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.online_store import FilesStore, OnlineStoreError, store_from
from churn_tests.adapters.online_store.months import (
    APRIL,
    FEATURES,
    JUNE,
    MADE_AT,
    MAY,
    current_price,
    month_of_features,
    publish,
    row_of,
    rows_of,
)

FILES = ("manifest.json", "customer_ids.npy", "rows.npy")


@pytest.fixture
def store(tmp_path: Path) -> FilesStore:
    return FilesStore(tmp_path / "online_store")


def spoil(path: Path, content: bytes | None) -> None:
    """Change a read-only file, or take it away."""
    path.chmod(0o644)
    path.write_bytes(content) if content is not None else path.unlink()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "torn", "edited"])
def test_a_damaged_file_is_named_with_its_mend(store: FilesStore, name: str, damage: str) -> None:
    manifest = publish(store, MAY)
    path = store.root / manifest.snapshot_id / name
    content = path.read_bytes()
    edited = content.replace(b'"rows": 3', b'"rows": 4') if name == "manifest.json" else _flipped(content)
    spoil(path, {"missing": None, "torn": content[:-7], "edited": edited}[damage])

    with pytest.raises(OnlineStoreError, match=rf"{manifest.snapshot_id}/{name} .*run the job `score_month`"):
        store.open(manifest)


def test_publishing_the_same_month_again_mends_it(store: FilesStore) -> None:
    manifest = publish(store, MAY)
    spoil(store.root / manifest.snapshot_id / "rows.npy", b"")

    again = publish(store, MAY)

    assert again.snapshot_id == manifest.snapshot_id
    assert current_price(store) == 5.0


def test_pickled_objects_are_never_loaded(store: FilesStore) -> None:
    manifest = publish(store, MAY)
    folder = store.root / manifest.snapshot_id
    spoil(folder / "rows.npy", b"")
    np.save(folder / "rows.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(OnlineStoreError, match=r"rows\.npy is torn or edited"):
        store.open(manifest)


@pytest.mark.parametrize(
    "content", ["", "{", '{"current": "yesterday", "previous": ""}', '{"current": 3}', "[]"]
)
def test_a_damaged_pointer_is_named_with_its_mend(store: FilesStore, content: str) -> None:
    publish(store, MAY)
    (store.root / "pointer.json").write_text(content)

    with pytest.raises(OnlineStoreError, match=r"pointer\.json .*remove it and run the job `score_month`"):
        store.current()


def test_the_pointer_is_looked_at_and_nothing_else_while_it_stays(store: FilesStore) -> None:
    manifest = publish(store, MAY)
    assert store.current() == manifest
    spoil(store.root / manifest.snapshot_id / "manifest.json", None)

    assert store.current() == manifest
    assert store.current() is store.current()


def test_a_snapshot_that_is_open_outlives_its_files(store: FilesStore) -> None:
    snapshot = store.open(publish(store, APRIL))

    publish(store, MAY)
    publish(store, JUNE)

    assert not (store.root / snapshot.manifest.snapshot_id).exists()
    row = asyncio.run(snapshot.row(3))
    assert row is not None
    assert row[0] == 4.0


def test_what_a_look_up_returns_is_the_readers_own(store: FilesStore) -> None:
    snapshot = store.open(publish(store, MAY))

    async def spoil_and_look_again() -> None:
        row = await snapshot.row(3)
        rows, _ = await snapshot.rows([3])
        assert row is not None
        row[:], rows[:] = -1.0, -1.0
        again = await snapshot.row(3)
        assert again is not None
        assert again[0] == 5.0

    asyncio.run(spoil_and_look_again())


def test_servers_of_other_users_can_read_and_nobody_writes(store: FilesStore) -> None:
    manifest = publish(store, MAY)

    folder = store.root / manifest.snapshot_id
    assert oct(folder.stat().st_mode)[-3:] == "755"
    assert {oct((folder / name).stat().st_mode)[-3:] for name in FILES} == {"444"}
    assert oct((store.root / "pointer.json").stat().st_mode)[-3:] == "644"


def test_an_empty_month_is_a_month_of_strangers(store: FilesStore) -> None:
    manifest = publish(store, MAY, month_of_features([]))

    rows, found = rows_of(store, manifest, [1, 2])

    assert manifest.rows == 0
    assert np.isnan(rows).all()
    assert not found.any()
    assert row_of(store, manifest, 1) is None


def test_the_files_are_plain_arrays(store: FilesStore) -> None:
    manifest = publish(store, MAY, month_of_features([7, 3, 5]))

    folder = store.root / manifest.snapshot_id
    assert np.load(folder / "customer_ids.npy").tolist() == [3, 5, 7]
    assert np.load(folder / "rows.npy").shape == (3, len(FEATURES))
    assert json.loads((folder / "manifest.json").read_text())["features"][2] == {
        "kind": "category",
        "name": "plan",
        "vocabulary": ["basic", "plus", "family"],
    }


def test_what_a_kill_left_goes_after_a_day(store: FilesStore) -> None:
    now = datetime.now(UTC)
    left = store.prepare(month_of_features(price=1.0), FEATURES, month=MAY, made_at=now)
    begun = store.root / ".incoming-killed"
    begun.mkdir()
    for folder in (begun, store.root / left.manifest.snapshot_id):
        two_days_ago = (now - timedelta(days=2)).timestamp()
        os.utime(folder, (two_days_ago, two_days_ago))
    fresh = store.prepare(month_of_features(price=2.0), FEATURES, month=MAY, made_at=now)

    manifest = publish(store, MAY, made_at=now)

    folders = {path.name for path in store.root.iterdir() if path.is_dir()}
    assert folders == {fresh.manifest.snapshot_id, manifest.snapshot_id}


def test_a_failed_preparation_leaves_nothing(store: FilesStore) -> None:
    matrix = month_of_features().with_columns(price=float("inf"))

    with pytest.raises(ValueError, match="price is infinite"):
        publish(store, MAY, matrix)

    assert not list(store.root.iterdir())


def test_a_kill_in_the_middle_of_publishing_leaves_the_old_snapshot_or_the_new(tmp_path: Path) -> None:
    """Publishers are killed at other moments; readers see 2,000 equal rows of the one or the other, never a mixture."""
    store, customers = FilesStore(tmp_path), list(range(2_000))
    publish(store, MAY, month_of_features(customers, price=0.0))
    publisher = (
        "import sys\n"
        "from pathlib import Path\n"
        "from churn_assets.adapters.online_store import FilesStore\n"
        "from churn_tests.adapters.online_store.months import MAY, month_of_features, publish\n"
        "store, price = FilesStore(Path(sys.argv[1])), int(sys.argv[2])\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    price += 1\n"
        "    publish(store, MAY, month_of_features(list(range(2_000)), price=float(price)))\n"
    )
    seen = set()
    for trial in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", publisher, str(tmp_path), str(trial * 10_000)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.01 + 0.0137 * trial)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        manifest = store.current()
        assert manifest is not None
        rows, found = rows_of(store, manifest, customers)
        assert found.all()
        (price,) = np.unique(rows[:, 0])
        seen.add(float(price))
    assert publish(store, JUNE, month_of_features(customers)) == store.current()
    assert len(seen) > 1


def test_an_empty_address_is_files_below_the_home_and_another_must_be_redis(tmp_path: Path) -> None:
    home = Home(tmp_path)

    store = store_from("", home)

    assert isinstance(store, FilesStore)
    assert store.root == tmp_path / "online_store"
    with pytest.raises(OnlineStoreError, match="begins with 'http': write redis://HOST:PORT/0"):
        store_from("http://store", home)


def test_polling_costs_far_less_than_its_half_second(store: FilesStore) -> None:
    publish(store, MAY, made_at=MADE_AT)
    store.current()
    started = time.perf_counter()

    for _ in range(100):
        store.current()

    assert time.perf_counter() - started < 1.0


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])
