"""Redis: the pointer moves last, nothing is left behind, and a server that is down or hangs is an error at once."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.online_store import OnlineSnapshot, OnlineStoreError, SnapshotManifest, store_from
from churn_assets.adapters.online_store.redis_store import RedisStore
from churn_tests.adapters.online_store.conftest import PATIENT_S
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
from churn_tests.adapters.online_store.real_redis import RealRedis, real_redis


@pytest.fixture
def server(redis_server: RealRedis) -> RealRedis:
    """A server without a key."""
    redis_server.client.flushall()
    return redis_server


@pytest.fixture
def store(server: RealRedis) -> RedisStore:
    return RedisStore(server.url, read_timeout_s=PATIENT_S)


@pytest.fixture
def fleeting(tmp_path: Path) -> Iterator[RealRedis]:
    """A server of the test's own, to be stopped."""
    with real_redis(tmp_path) as server:
        yield server


def keys(server: RealRedis) -> set[str]:
    """Return all keys."""
    return {key.decode() for key in server.client.scan_iter()}


def of_snapshot(manifest: SnapshotManifest) -> set[str]:
    """Return the keys of a published month of three customers."""
    names = ("3", "5", "7", "customers", "manifest")
    return {f"churn:online:{manifest.snapshot_id}:{name}" for name in names}


def test_only_the_current_and_the_former_snapshot_have_keys(server: RealRedis, store: RedisStore) -> None:
    _, may, june = (publish(store, month) for month in (APRIL, MAY, JUNE))

    stored = {"churn:online:pointer", "churn:online:snapshots"}
    assert keys(server) == stored | of_snapshot(may) | of_snapshot(june)
    begun = store._begun()
    assert set(begun) == {may.snapshot_id, june.snapshot_id}


def test_what_is_discarded_leaves_no_key(server: RealRedis, store: RedisStore) -> None:
    june = publish(store, JUNE)
    store.publish(store.prepare(month_of_features(), FEATURES, month=MAY, made_at=MADE_AT))
    rejected = store.prepare(month_of_features(), FEATURES, month=JUNE, made_at=MADE_AT)

    store.discard(rejected)

    assert keys(server) == {"churn:online:pointer", "churn:online:snapshots"} | of_snapshot(june)


def test_what_a_kill_left_goes_after_a_day(server: RealRedis, store: RedisStore) -> None:
    left = store.prepare(month_of_features(price=1.0), FEATURES, month=MAY, made_at=MADE_AT)
    server.client.delete(f"churn:online:{left.manifest.snapshot_id}:manifest")
    tomorrow = MADE_AT + timedelta(days=1, minutes=1)
    fresh = store.prepare(month_of_features(price=2.0), FEATURES, month=MAY, made_at=tomorrow)

    may = publish(store, MAY, made_at=tomorrow)

    assert left.manifest.snapshot_id not in str(keys(server))
    assert of_snapshot(fresh.manifest) | of_snapshot(may) < keys(server)


def test_a_removal_that_was_killed_is_completed_by_the_next(server: RealRedis, store: RedisStore) -> None:
    april = publish(store, APRIL)
    publish(store, MAY)
    server.client.delete(*(f"churn:online:{april.snapshot_id}:{name}" for name in ("manifest", "3", "5")))

    publish(store, JUNE)

    assert april.snapshot_id not in str(keys(server))


def test_a_removed_snapshot_knows_no_strangers(store: RedisStore) -> None:
    """A reader that still asks a removed snapshot must not take every customer for an unknown one."""
    snapshot = store.open(publish(store, APRIL))
    publish(store, MAY)
    publish(store, JUNE)

    with pytest.raises(OnlineStoreError, match="has been removed: open the current one"):
        _look_up(snapshot)


def test_a_torn_row_is_named(server: RealRedis, store: RedisStore) -> None:
    may = publish(store, MAY)
    server.client.set(f"churn:online:{may.snapshot_id}:3", b"torn")

    with pytest.raises(OnlineStoreError, match=f"a row of {may.snapshot_id} has 4 bytes"):
        row_of(store, may, 3)


@pytest.mark.parametrize("name", ["pointer", "manifest"])
def test_a_damaged_document_is_named_with_its_mend(server: RealRedis, store: RedisStore, name: str) -> None:
    may = publish(store, MAY)
    key = f"churn:online:{may.snapshot_id}:manifest" if name == "manifest" else "churn:online:pointer"
    server.client.set(key, '{"current')

    with pytest.raises(OnlineStoreError, match=f"{name}.* is torn or edited .*run the job `score_month`"):
        store.current()


def test_the_manifest_of_another_snapshot_is_refused(server: RealRedis, store: RedisStore) -> None:
    april, may = publish(store, APRIL), publish(store, MAY)
    server.client.set(f"churn:online:{may.snapshot_id}:manifest", april.to_json())

    with pytest.raises(OnlineStoreError, match=f"is that of {april.snapshot_id}"):
        store.open(may)


def test_many_customers_are_asked_for_and_removed_in_pieces(server: RealRedis, store: RedisStore) -> None:
    customers = list(range(-2_000, 10_000))

    for price in (1.0, 2.0, 3.0):
        manifest = publish(store, MAY, month_of_features(customers, price=price))

    rows, found = rows_of(store, manifest, [*customers, 10_001])
    assert found.sum() == len(customers)
    assert set(rows[:-1, 0]) == {3.0}
    assert server.client.dbsize() == 2 * (len(customers) + 2) + 2


def test_a_redis_that_evicts_rows_is_refused(server: RealRedis, store: RedisStore) -> None:
    server.client.config_set("maxmemory", "100mb")
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(OnlineStoreError, match="set its maxmemory-policy to noeviction"):
            publish(store, MAY)
    finally:
        server.client.config_set("maxmemory-policy", "noeviction")
        server.client.config_set("maxmemory", "0")
    assert keys(server) == set()


def test_a_redis_that_is_full_says_so_and_shows_nothing(server: RealRedis, store: RedisStore) -> None:
    publish(store, MAY)
    server.client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(
            OnlineStoreError, match=r"failed at a publication .*maxmemory.*: see that it runs and has memory"
        ):
            publish(store, JUNE, month_of_features(range(50_000)))
    finally:
        server.client.config_set("maxmemory", "0")
    assert current_price(store) == 5.0


def test_a_redis_that_is_down_is_an_error_at_once(fleeting: RealRedis) -> None:
    store = RedisStore(fleeting.url)
    manifest = publish(store, MAY)
    snapshot = store.open(manifest)
    fleeting.process.kill()
    fleeting.process.wait()

    for ask in (store.current, lambda: store.open(manifest), lambda: _look_up(snapshot)):
        started = time.perf_counter()
        with pytest.raises(OnlineStoreError, match=rf"Redis at 127\.0\.0\.1:{fleeting.port} failed at"):
            ask()
        assert time.perf_counter() - started < 2.0


def test_a_redis_that_hangs_is_an_error_within_its_time_out(fleeting: RealRedis) -> None:
    store = RedisStore(fleeting.url)
    snapshot = store.open(publish(store, MAY))

    async def look_up_before_and_while_it_hangs() -> float:
        try:
            assert await snapshot.row(3) is not None
            fleeting.process.send_signal(signal.SIGSTOP)
            started = time.perf_counter()
            with pytest.raises(OnlineStoreError, match="failed at a look-up"):
                await snapshot.row(3)
            with pytest.raises(OnlineStoreError, match="failed at a look-up"):
                await snapshot.rows([3, 5])
            return time.perf_counter() - started
        finally:
            fleeting.process.send_signal(signal.SIGCONT)
            await snapshot.close()

    assert asyncio.run(look_up_before_and_while_it_hangs()) < 2.0


def test_look_ups_at_once_wait_for_a_connection_of_the_pool(store: RedisStore) -> None:
    snapshot = store.open(publish(store, MAY))

    async def many() -> list[bool]:
        try:
            rows = await asyncio.gather(*(snapshot.row(customer % 10) for customer in range(400)))
            return [row is not None for row in rows]
        finally:
            await snapshot.close()

    assert asyncio.run(many()) == [customer % 10 in {3, 5, 7} for customer in range(400)]


def test_connections_that_the_server_closed_cost_nobody_a_look_up(
    server: RealRedis, store: RedisStore
) -> None:
    manifest = publish(store, MAY)
    snapshot = store.open(manifest)

    async def before_and_after() -> None:
        try:
            await asyncio.gather(*(snapshot.row(3) for _ in range(20)))
            server.client.client_kill_filter(_type="normal")
            rows = await asyncio.gather(*(snapshot.row(3) for _ in range(20)))
            assert all(row is not None for row in rows)
        finally:
            await snapshot.close()

    asyncio.run(before_and_after())
    assert store.current() == manifest
    assert publish(store, JUNE) == store.current()


def test_a_look_up_that_is_given_up_never_leaves_its_answer_to_another(store: RedisStore) -> None:
    customers = list(range(500))
    matrix = month_of_features(customers).with_columns(price=pl.col("customer_id").cast(pl.Float64))
    snapshot = store.open(publish(store, MAY, matrix))

    async def give_up_and_ask_on() -> list[float]:
        try:
            for patience in range(60):
                asked = [asyncio.create_task(snapshot.row(customer)) for customer in range(8)]
                await asyncio.sleep(patience * 0.00005)
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            rows = await asyncio.gather(*(snapshot.row(customer) for customer in customers))
            return [float(row[0]) for row in rows if row is not None]
        finally:
            await snapshot.close()

    assert asyncio.run(give_up_and_ask_on()) == customers


def test_the_password_is_never_shown(tmp_path: Path) -> None:
    store = store_from("redis://:hunter2@127.0.0.1:1/0", Home(tmp_path))

    with pytest.raises(OnlineStoreError) as refused:
        store.current()

    assert "127.0.0.1:1" in str(refused.value)
    assert "hunter2" not in str(refused.value) + repr(store)


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(OnlineStoreError, match="no address of Redis"):
        RedisStore("redis://localhost:port/0")


def _look_up(snapshot: OnlineSnapshot) -> None:
    async def look_up() -> None:
        try:
            await snapshot.row(3)
        finally:
            await snapshot.close()

    asyncio.run(look_up())
