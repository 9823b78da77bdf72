"""What a load run counted: every request once, either answered with 2xx or failed for a reason."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Second:
    """The requests that were to start in one second of the run."""

    second: int
    succeeded: int
    failed: int
    p50_ms: float
    max_ms: float


@dataclass(frozen=True)
class Result:
    """What a run saw. Latencies are those of 2xx answers: read them together with `failed`.

    Attributes:
        mode: `closed` or `open`.
        clients: requests that are always under way in a closed loop; 0 in an open one.
        rate: arrivals a second in an open loop; 0 in a closed one.
        elapsed: seconds from the first request to the last outcome.
        requests: all requests, each counted once.
        failed: by reason: no answer, `status 503` and so on, or not sent because the cap was reached.
        statuses: answers by status, the failed ones too.
        reconnected: requests sent again, once, because the server had closed the kept-alive connection; no failures.
        retry_after: 429 and 503 answers that carried Retry-After.
        throughput: 2xx answers a second.
        first_failure: seconds after the start at which the first failed request was to start, or None.
        last_failure: the same of the last one.
        most_outstanding: most requests that were under way at once.
        cap: more than so many were not allowed.
        late_p99_ms: how late the generator itself began requests; part of the latencies of an open loop.
        own_cpu: share of one core that the generator took.
        loop: the event loop that drove it.
        counted: how often each value of the asked field stood in 2xx answers.
        per_second: the run second by second.
    """

    mode: str
    clients: int
    rate: float
    elapsed: float
    requests: int
    failed: dict[str, int]
    statuses: dict[str, int]
    reconnected: int
    retry_after: int
    throughput: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    first_failure: float | None
    last_failure: float | None
    most_outstanding: int
    cap: int
    late_p99_ms: float
    own_cpu: float
    loop: str
    counted: dict[str, int] = field(default_factory=dict)
    per_second: list[Second] = field(default_factory=list)

    @property
    def failures(self) -> int:
        """Return how many requests failed, for whatever reason."""
        return sum(self.failed.values())

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> Result:
        """Take what another process wrote."""
        return cls(**document | {"per_second": [Second(**each) for each in document["per_second"]]})


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed; 0 of none."""
    if not ordered:
        return 0.0
    rank = -int(-share * len(ordered) // 1)  # the ceiling
    return ordered[max(rank, 1) - 1]


class Tally:
    """Counts while a run lasts. Times are seconds after its start."""

    def __init__(self) -> None:
        self._started = array("d")
        self._latency = array("d")
        self._late = array("d")
        self._failed_at: list[float] = []
        self.failed: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.reconnected = 0
        self.retry_after = 0
        self.most_outstanding = 0

    @property
    def requests(self) -> int:
        """Return how many requests have come to an end."""
        return len(self._latency) + len(self._failed_at)

    def succeed(self, start: float, latency: float) -> None:
        """Count a 2xx answer."""
        self._started.append(start)
        self._latency.append(latency)

    def fail(self, start: float, reason: str) -> None:
        """Count a request that came to nothing."""
        self.failed[reason] += 1
        self._failed_at.append(start)

    def began(self, late: float, outstanding: int) -> None:
        """Note how late a request was begun, and how many are under way with it."""
        self._late.append(late)
        self.most_outstanding = max(self.most_outstanding, outstanding)

    def result(
        self, *, mode: str, clients: int, rate: float, elapsed: float, cap: int, cpu: float, loop: str
    ) -> Result:
        """Return the figures."""
        ordered = sorted(1_000 * each for each in self._latency)
        p50, p90, p99, p999 = (percentile(ordered, share) for share in (0.5, 0.9, 0.99, 0.999))
        return Result(
            mode=mode,
            clients=clients,
            rate=rate,
            elapsed=elapsed,
            requests=self.requests,
            failed=dict(self.failed),
            statuses=dict(self.statuses),
            reconnected=self.reconnected,
            retry_after=self.retry_after,
            throughput=len(ordered) / elapsed if elapsed else 0.0,
            p50_ms=p50,
            p90_ms=p90,
            p99_ms=p99,
            p999_ms=p999,
            max_ms=ordered[-1] if ordered else 0.0,
            first_failure=min(self._failed_at, default=None),
            last_failure=max(self._failed_at, default=None),
            most_outstanding=self.most_outstanding,
            cap=cap,
            late_p99_ms=1_000 * percentile(sorted(self._late), 0.99),
            own_cpu=cpu / elapsed if elapsed else 0.0,
            loop=loop,
            per_second=self._per_second(),
        )

    def _per_second(self) -> list[Second]:
        """Return the run second by second, without gaps."""
        latencies: dict[int, list[float]] = {}
        for start, latency in zip(self._started, self._latency, strict=True):
            latencies.setdefault(int(start), []).append(1_000 * latency)
        failures = Counter(int(start) for start in self._failed_at)
        last = max([*latencies, *failures], default=-1)
        return [_second(at, sorted(latencies.get(at, [])), failures[at]) for at in range(last + 1)]


def _second(at: int, ordered: list[float], failed: int) -> Second:
    """Return the figures of one second."""
    return Second(at, len(ordered), failed, percentile(ordered, 0.5), ordered[-1] if ordered else 0.0)
