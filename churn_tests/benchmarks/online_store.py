"""Publishing a month and looking customers up: our sorted array against LMDB, where that is installed.

The month is drawn, for no value of it changes what a look-up costs. Latencies are taken in one process in turns, so that
whatever else the machine does falls on both.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from churn_assets.adapters.online_store import FilesStore, OnlineSnapshot
from churn_assets.adapters.online_store.content import SnapshotContent
from churn_assets.domain.features.catalogue import COUNT, FEATURES, Feature
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature, contract_features
from churn_assets.learning.inputs import Matrix
from churn_tests.benchmarks.measured import Measured

MONTH = Month(2025, 12)
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS, ROUND = 100, 1_000
MIB = 1 << 20


class Rows(Protocol):
    """What is looked up in."""

    async def row(self, customer_id: int) -> Matrix | None:
        """Return a customer's row, or None."""


def prepare_month(home: Path, customers: int) -> int:
    """Draw a month's feature matrix; customers have every third id."""
    draw = np.random.default_rng(7)
    columns = {feature.name: _column(feature, draw, customers) for feature in FEATURES}
    matrix = pl.DataFrame({"customer_id": np.arange(customers, dtype=np.int64) * 3, **columns})
    matrix.write_parquet(home / "month.parquet")
    return customers


def publish_array(home: Path, customers: int) -> Measured:
    """From the month's file to the published snapshot: encoded, hashed, flushed, pointed to."""
    store = FilesStore(home / "online_store")
    store.publish(store.prepare(_month(home), _features(), month=MONTH, made_at=MADE_AT))
    return Measured(customers, _on_disk(home / "online_store"))


def write_lmdb(home: Path, customers: int) -> Measured:
    """From the month's file to a flushed LMDB file: encoded, neither hashed nor pointed to."""
    from churn_tests.benchmarks.lmdb_rows import write_rows  # noqa: PLC0415  a tool of development

    (home / "lmdb").mkdir()
    write_rows(home / "lmdb" / "rows.mdb", SnapshotContent.of(_month(home), _features()))
    return Measured(customers, _on_disk(home / "lmdb"))


def open_array(home: Path, customers: int) -> Measured:
    """Open the snapshot, every byte verified, and look customers up."""
    before, started = _memory(), time.perf_counter()
    snapshot = _snapshot(home)
    opened = time.perf_counter() - started
    _times(snapshot, _asked(customers))
    return Measured(ROUNDS * ROUND, {"open s": opened, **_grown(before)})


def open_lmdb(home: Path, customers: int) -> Measured:
    """Open LMDB, nothing verified, and look customers up."""
    before, started = _memory(), time.perf_counter()
    rows = _lmdb(home)
    opened = time.perf_counter() - started
    _times(rows, _asked(customers))
    return Measured(ROUNDS * ROUND, {"open s": opened, **_grown(before)})


def look_up_in_turns(home: Path, customers: int) -> Measured:
    """Time every look-up, a thousand of the one, then the same thousand of the other."""
    sides: dict[str, Rows] = {"array": _snapshot(home)}
    if find_spec("lmdb"):
        sides["LMDB"] = _lmdb(home)
    asked = _asked(customers)
    times: dict[str, list[int]] = {name: [] for name in sides}
    for turn in range(ROUNDS):
        part = asked[turn * ROUND : (turn + 1) * ROUND]
        for name in sorted(sides, reverse=bool(turn % 2)):
            times[name] += _times(sides[name], part)
    figures = {
        f"{name} p{percent} us": float(np.percentile(taken, percent)) / 1_000
        for name, taken in times.items()
        for percent in (50, 99)
    }
    return Measured(len(sides) * ROUNDS * ROUND, figures)


def _column(feature: Feature, draw: np.random.Generator, rows: int) -> pl.Series:
    if feature.kind == "category":
        codes = draw.integers(0, len(feature.categories), rows)
        return pl.Series(np.array(feature.categories, dtype=object)[codes], dtype=pl.String)
    values = pl.Series(
        draw.integers(0, 1_000, rows) if feature.dtype == COUNT else draw.lognormal(3, 1, rows)
    )
    return values.set(pl.Series(draw.random(rows) < 0.05), None)


def _features() -> Sequence[ContractFeature]:
    return contract_features(FEATURES)


def _month(home: Path) -> pl.DataFrame:
    return pl.read_parquet(home / "month.parquet")


def _snapshot(home: Path) -> OnlineSnapshot:
    store = FilesStore(home / "online_store")
    manifest = store.current()
    assert manifest is not None
    return store.open(manifest)


def _lmdb(home: Path) -> Rows:
    from churn_tests.benchmarks.lmdb_rows import LmdbRows  # noqa: PLC0415

    return LmdbRows(home / "lmdb" / "rows.mdb")


def _asked(customers: int) -> list[int]:
    """Return random ids, one in ten of them a stranger's."""
    draw = np.random.default_rng(8)
    known = draw.integers(0, customers, ROUNDS * ROUND) * 3
    return [int(each) for each in known + (draw.random(len(known)) < 0.1)]


def _times(rows: Rows, asked: Sequence[int]) -> list[int]:
    """Return the nanoseconds of each look-up."""

    async def look_up() -> list[int]:
        taken = []
        for customer in asked:
            started = time.perf_counter_ns()
            await rows.row(customer)
            taken.append(time.perf_counter_ns() - started)
        return taken

    return asyncio.run(look_up())


def _on_disk(folder: Path) -> dict[str, float]:
    blocks = sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
    return {"disk MiB": blocks * 512 / MIB}


def _memory() -> dict[str, float]:
    """Return this process's resident memory, its own and the mapped files' that all processes share."""
    status = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return {name: float(lines[name].split()[0]) / 1_024 for name in ("RssAnon", "RssFile")}


def _grown(before: dict[str, float]) -> dict[str, float]:
    now = _memory()
    return {
        "own MiB": now["RssAnon"] - before["RssAnon"],
        "shared MiB": now["RssFile"] - before["RssFile"],
    }


_OF_LMDB = {"write LMDB": write_lmdb, "open LMDB": open_lmdb} if find_spec("lmdb") else {}
STAGES = {
    "prepare the month": prepare_month,
    "publish the sorted array": publish_array,
    "open the sorted array": open_array,
    **_OF_LMDB,
    "look up in turns": look_up_in_turns,
}
