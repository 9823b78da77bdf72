"""A Redis server, and new stores of both kinds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from churn_assets.adapters.online_store import FilesStore, OnlineStore
from churn_assets.adapters.online_store.redis_store import RedisStore
from churn_tests.adapters.online_store.real_redis import RealRedis, real_redis

PATIENT_S = 5.0
"""Time-outs have tests of their own; elsewhere a busy machine must not fail one."""

NewStore = Callable[[], OnlineStore]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """A server that the tests of a module share, each under prefixes of its own."""
    with real_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module", params=["files", "redis"])
def new_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewStore:
    """Make an empty store at each call."""
    if request.param == "files":
        return lambda: FilesStore(tmp_path_factory.mktemp("store"))
    server: RealRedis = request.getfixturevalue("redis_server")
    numbers = itertools.count()
    return lambda: RedisStore(server.url, prefix=f"test{next(numbers)}", read_timeout_s=PATIENT_S)


@pytest.fixture
def store(new_store: NewStore) -> OnlineStore:
    """An empty store."""
    return new_store()
