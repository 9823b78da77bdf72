"""The rate limit: the rule against a bucket of tokens, one file for many keys and processes."""

from __future__ import annotations

import json
import math
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.adapters.home import PROJECT_ROOT
from churn_serving.security.key_ring import ApiKey
from churn_serving.security.limits import LimitFileError, RateLimits, schedule
from churn_tests.serving.security.made_keys import made

HAMMER = """
import json, sys, time
from pathlib import Path
from churn_serving.security.limits import RateLimits
from churn_tests.serving.security.made_keys import made

path, rate, burst, cost = Path(sys.argv[1]), *map(float, sys.argv[2:])
key = made("hammered", rate, int(burst)).key
with RateLimits(path) as limits:
    print("ready", flush=True)
    end = float(input())
    first = now = time.monotonic()
    admitted = 0
    while now < end:
        admitted += int(cost) * (limits.admit(key, now, int(cost)) == 0)
        now = time.monotonic()
    while limits.admit(key, end, int(cost)) == 0:
        admitted += int(cost)
print(json.dumps({"admitted": admitted, "first": first}))
"""


def key_of(seed: str, rate: float, burst: int) -> ApiKey:
    return made(seed, rate, burst).key


@pytest.fixture
def limits(tmp_path: Path) -> Iterator[RateLimits]:
    with RateLimits(tmp_path / "limits.bin") as limits:
        yield limits


def hammer(path: Path, rate: int, burst: int, cost: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HAMMER, str(path), str(rate), str(burst), str(cost)]
    return subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


class Bucket:
    """The reference: a bucket of tokens in exact numbers."""

    def __init__(self, rate: int, burst: int) -> None:
        self.rate, self.burst = Fraction(rate), Fraction(burst)
        self.tokens, self.then = self.burst, Fraction(0)

    def admit(self, now: Fraction, cost: int) -> tuple[bool, Fraction]:
        """Take the tokens if they are there; return that and the seconds until they would be."""
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        wait = max(Fraction(0), (cost - self.tokens) / self.rate)
        if wait == 0:
            self.tokens -= cost
        return wait == 0, wait


requests = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 8)), max_size=60)


@given(rate=st.integers(1, 1000), burst=st.integers(8, 50), requests=requests)
def test_it_decides_like_a_bucket_of_tokens(rate: int, burst: int, requests: list[tuple[int, int]]) -> None:
    bucket, tat, now = Bucket(rate, burst), 0.0, Fraction(0)
    for milliseconds, cost in requests:
        now += Fraction(milliseconds, 1000)
        tat, wait = schedule(tat, float(now), cost / rate, burst / rate)
        admitted, exact = bucket.admit(now, cost)
        if exact > Fraction(1, 10**6):  # nearer than that, a float may round to the other side
            assert (wait == 0) == admitted
        assert wait == pytest.approx(float(exact), abs=1e-6)
        if (wait == 0) != admitted:
            return


@given(
    start=st.floats(0, 1e7),
    rate=st.floats(0.01, 1e5),
    burst=st.integers(1, 5000),
    gaps=st.lists(st.tuples(st.floats(0, 2), st.integers(1, 50)), min_size=1, max_size=60),
)
def test_no_stretch_of_time_sees_more_than_rate_and_burst_allow(
    start: float, rate: float, burst: int, gaps: list[tuple[float, int]]
) -> None:
    tat, now, admitted = 0.0, start, []
    for gap, wanted in gaps:
        now, cost = now + gap, min(wanted, burst)
        tat, wait = schedule(tat, now, cost / rate, burst / rate)
        if wait == 0:
            admitted.append((now, cost))
    for first in range(len(admitted)):
        total = 0
        for moment, cost in admitted[first:]:
            total += cost
            assert total <= burst + rate * (moment - admitted[first][0] + 1e-7) + 1e-6


@given(
    start=st.floats(0, 1e7),
    rate=st.floats(0.01, 1e5),
    burst=st.integers(1, 5000),
    costs=st.lists(st.integers(1, 100), max_size=40),
)
def test_who_waits_as_long_as_told_is_admitted(
    start: float, rate: float, burst: int, costs: list[int]
) -> None:
    tat, now = 0.0, start
    for wanted in costs:
        cost = min(wanted, burst)
        tat, wait = schedule(tat, now, cost / rate, burst / rate)
        if wait:
            now += wait
            tat, wait = schedule(tat, now, cost / rate, burst / rate)
        assert wait == 0


any_time = st.floats(allow_nan=True, allow_infinity=True)


@given(tat=any_time, now=st.floats(0, 1e10), rate=st.floats(0.01, 1e5), burst=st.integers(1, 1000))
def test_no_jump_of_the_clock_and_no_torn_number_locks_a_key_out(
    tat: float, now: float, rate: float, burst: int
) -> None:
    kept, wait = schedule(tat, now, 1 / rate, burst / rate)

    assert wait <= 1 / rate + 1 + 1e-3
    assert wait == 0 or schedule(kept, now + wait + 1e-3, 1 / rate, burst / rate)[1] == 0


def test_a_clock_set_back_by_a_reboot_costs_a_burst_at_most(limits: RateLimits) -> None:
    key = key_of("crm", 10, 5)
    assert limits.admit(key, 1e6, 5) == 0

    assert limits.admit(key, 3.0) == pytest.approx(0.1)
    assert limits.admit(key, 3.1) == 0
    assert limits.admit(key, 3.6, 5) == 0


def test_replicas_that_took_the_time_before_each_other_give_nothing_away_twice(limits: RateLimits) -> None:
    key = key_of("crm", 100, 10)
    assert limits.admit(key, 50.2, 10) == 0

    assert limits.admit(key, 50.0) == pytest.approx(0.21)
    assert limits.admit(key, 50.2) == pytest.approx(0.01)


def test_a_batch_costs_its_customers(limits: RateLimits) -> None:
    key = key_of("crm", 10, 100)

    assert limits.admit(key, 1.0, 60) == 0
    assert limits.admit(key, 1.0, 60) == pytest.approx(2.0)
    assert limits.admit(key, 1.0, 40) == 0


def test_a_batch_beyond_the_burst_can_never_be_admitted_and_costs_nothing(limits: RateLimits) -> None:
    key = key_of("crm", 10, 100)

    assert limits.admit(key, 1.0, 101) == math.inf
    assert limits.admit(key, 1.0, 100) == 0


def test_a_negative_cost_cannot_earn_anything(limits: RateLimits) -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        limits.admit(key_of("crm", 10, 100), 1.0, -1)


def test_a_key_without_limit_is_always_admitted_and_leaves_no_trace(limits: RateLimits) -> None:
    before = limits._path.read_bytes()

    assert all(limits.admit(made("local").key, 1.0, 1000) == 0 for _ in range(1000))

    assert limits._path.read_bytes() == before


def test_keys_do_not_eat_each_others_quota_though_the_file_grows(limits: RateLimits) -> None:
    keys = [key_of(f"key {number}", 1, number % 3 + 1) for number in range(700)]
    with RateLimits(limits._path) as other:
        for number, key in enumerate(keys):
            admitted = sum((limits, other)[turn % 2].admit(key, 10.0) == 0 for turn in range(4))
            assert admitted == number % 3 + 1
        for key in keys:
            assert limits.admit(key, 10.0) > 0
            assert other.admit(key, 10.0) > 0


def test_quotas_outlive_the_processes_and_the_file_is_the_owners(limits: RateLimits) -> None:
    key = key_of("crm", 1, 2)
    assert limits.admit(key, 1.0, 2) == 0
    limits.close()

    with RateLimits(limits._path) as reopened:
        assert reopened.admit(key, 1.0) == pytest.approx(1.0)
    assert stat.S_IMODE(limits._path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"x", b"x" * 4096, bytes(4096), b"churnGC1"])
def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "limits.bin"
    path.write_bytes(content)

    with pytest.raises(LimitFileError, match="no file of rate limits"):
        RateLimits(path)

    assert path.read_bytes() == content


def test_an_id_that_does_not_fit_is_refused_rather_than_cut(limits: RateLimits) -> None:
    class Long:
        id, rate_per_second, burst = "x" * 25, 1.0, 1

    with pytest.raises(LimitFileError, match="1 to 24"):
        limits.admit(Long(), 1.0)


def test_threads_of_one_process_share_the_quota(limits: RateLimits) -> None:
    key = key_of("crm", 1e-3, 500)
    admitted: list[bool] = []

    def ask() -> None:
        admitted.extend(limits.admit(key, 1.0) == 0 for _ in range(400))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(admitted) == 500


@pytest.mark.parametrize(("rate", "burst", "cost"), [(200, 100, 1), (3000, 1500, 1), (2000, 1001, 7)])
def test_four_processes_together_get_what_one_would(tmp_path: Path, rate: int, burst: int, cost: int) -> None:
    """The allowance fills up within half a second, so that a busy machine may keep all four waiting for that long."""
    processes = [hammer(tmp_path / "limits.bin", rate, burst, cost) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    end = time.monotonic() + 2
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{end}\n")
        process.stdin.flush()
    reports = [json.loads(process.communicate(timeout=60)[0]) for process in processes]

    seconds = end - min(report["first"] for report in reports)
    admitted = sum(report["admitted"] for report in reports)
    assert abs(admitted - (rate * seconds + burst)) <= cost
