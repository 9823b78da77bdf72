"""A load generator in a process of its own: a closed loop of clients, or an open loop of arrivals at a rate.

In the closed loop each client sends its next request when the former is answered: it shows throughput, and hides what
a stall does to customers, because nobody arrives during one. In the open loop requests arrive on a schedule that does
not wait for the server, and latency counts from the scheduled start: what coordinated omission would hide is counted.

All load goes to this machine. A request on a kept-alive connection that the server has closed before any byte of the
answer is sent once more on a new one, as HTTP clients do with idempotent requests (RFC 9110, 9.2.2), and is counted as
`reconnected`. `measured(Spec(...))` runs a generator process; `python -m` on this module reads a spec as JSON on stdin.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from churn_tests.benchmarks.serving.sender import OnAnswer, Sender
from churn_tests.benchmarks.serving.tally import Result

CAP = 10_000
PAUSE = 0.02  # a client without an answer waits so many seconds, or it would hammer a port that refuses
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Spec:
    """One run of the generator: a closed loop of clients or an open loop at a rate.

    Attributes:
        port: the server's port on this machine.
        requests: requests as `connection.encoded` makes them, sent in turn.
        seconds: how long requests are begun; the last answers are waited for.
        clients: closed loop: requests that are always under way.
        rate: open loop: arrivals a second.
        poisson_seed: open loop: exponential gaps drawn with this seed, instead of even ones.
        timeout: seconds after which a request has failed.
        cap: open loop: arrivals beyond so many outstanding requests are not sent, and count as failed.
        count_field: a field of the JSON answers whose values are counted, for example `arm`.
    """

    port: int
    requests: Sequence[str]
    seconds: float
    clients: int = 0
    rate: float = 0.0
    poisson_seed: int | None = None
    timeout: float = 10.0
    cap: int = CAP
    count_field: str | None = None

    def __post_init__(self) -> None:
        if (self.clients > 0) == (self.rate > 0):
            raise ValueError("a run has either clients (closed loop) or a rate (open loop)")
        if not self.requests:
            raise ValueError("a run needs at least one request")


class Load:
    """One run of load on a port of this machine."""

    def __init__(
        self,
        port: int,
        payloads: Sequence[bytes],
        *,
        timeout: float = 10.0,
        on_answer: OnAnswer | None = None,
    ) -> None:
        self._sender = Sender(port, payloads, timeout, on_answer)
        self._over = asyncio.Event()

    async def closed(self, clients: int, seconds: float) -> Result:
        """Keep so many requests under way for so long."""
        loop, deadline, working = asyncio.get_running_loop(), self._sender.start + seconds, clients

        def again() -> None:
            nonlocal working
            now = time.perf_counter()
            if now < deadline:
                self._sender.begin(now, clients)
                return
            working -= 1
            if not working:
                self._over.set()

        def after(answered: bool) -> None:  # noqa: FBT001  the one argument of a callback
            if answered:
                again()
            else:
                loop.call_later(PAUSE, again)

        self._sender.on_end = after
        for _ in range(clients):
            loop.call_soon(again)
        return await self._run(mode="closed", clients=clients, rate=0.0, cap=clients)

    async def open(
        self, rate: float, seconds: float, *, poisson_seed: int | None = None, cap: int = CAP
    ) -> Result:
        """Let requests arrive at a rate for so long, whatever the server does."""
        loop = asyncio.get_running_loop()
        arrivals = (self._sender.start + offset for offset in arrival_times(rate, seconds, poisson_seed))
        upcoming = next(arrivals, None)

        def arrive() -> None:
            nonlocal upcoming
            while upcoming is not None and upcoming <= time.perf_counter():
                self._sender.begin(upcoming, cap)
                upcoming = next(arrivals, None)
            if upcoming is None:
                after()
            else:
                loop.call_later(max(upcoming - time.perf_counter(), 0), arrive)

        def after(_: bool = True) -> None:  # noqa: FBT001, FBT002  the one argument of a callback
            if upcoming is None and not self._sender.outstanding:
                self._over.set()

        self._sender.on_end = after
        loop.call_soon(arrive)
        return await self._run(mode="open", clients=0, rate=rate, cap=cap)

    async def _run(self, *, mode: str, clients: int, rate: float, cap: int) -> Result:
        """Wait for the end of the run and return what was counted."""
        loop, cpu = asyncio.get_running_loop(), time.process_time()
        sweeper = loop.create_task(self._sender.watch_time_outs())
        await self._over.wait()
        elapsed = time.perf_counter() - self._sender.start
        sweeper.cancel()
        self._sender.close()
        return self._sender.tally.result(
            mode=mode,
            clients=clients,
            rate=rate,
            elapsed=elapsed,
            cap=cap,
            cpu=time.process_time() - cpu,
            loop=type(loop).__module__.partition(".")[0],
        )


class Running:
    """A generator process that is under way, so that something can be done to the server meanwhile."""

    def __init__(self, spec: Spec) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "churn_tests.benchmarks.serving.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(spec)))
        self._process.stdin.close()
        self._process.stdin = None
        self._limit = spec.seconds + 2 * spec.timeout + 30

    def result(self) -> Result:
        """Wait for the end of the run and return what it saw.

        Raises:
            RuntimeError: the generator itself failed.
        """
        try:
            written, _ = self._process.communicate(timeout=self._limit)
        finally:
            self._process.kill()
        if self._process.returncode:
            raise RuntimeError(f"the load generator ended with {self._process.returncode}")
        return Result.of_json(json.loads(written))


def measured(spec: Spec) -> Result:
    """Run a generator process to its end."""
    return Running(spec).result()


def arrival_times(rate: float, seconds: float, poisson_seed: int | None) -> Iterator[float]:
    """Yield when requests arrive, in seconds after the start: evenly, or as a Poisson process with a seed."""
    if poisson_seed is None:
        yield from (number / rate for number in range(round(rate * seconds)))
        return
    draws = random.Random(poisson_seed)  # noqa: S311  arrivals, no secrets
    at = draws.expovariate(rate)
    while at < seconds:
        yield at
        at += draws.expovariate(rate)


async def run(spec: Spec) -> Result:
    """Run a spec in this process."""
    counted: Counter[str] = Counter()
    counter = _counter(spec.count_field, counted) if spec.count_field else None
    load = Load(
        spec.port, [request.encode() for request in spec.requests], timeout=spec.timeout, on_answer=counter
    )
    if spec.clients:
        result = await load.closed(spec.clients, spec.seconds)
    else:
        result = await load.open(spec.rate, spec.seconds, poisson_seed=spec.poisson_seed, cap=spec.cap)
    return replace(result, counted=dict(counted))


def _counter(name: str, counted: Counter[str]) -> OnAnswer:
    """Return what counts the values of a field; a search costs the generator a fiftieth of parsing the answer."""
    pattern = re.compile(rb'"%s"\s*:\s*"?([^",}]*)' % re.escape(name).encode())

    def count(body: bytes) -> None:
        found = pattern.search(body)
        counted[found[1].decode() if found else "(absent)"] += 1

    return count


def main() -> None:
    """Read a spec on stdin, run it on the fastest loop that is there, write the result on stdout."""
    spec = Spec(**json.load(sys.stdin))
    try:
        import uvloop  # noqa: PLC0415  comes with the servers; the plain loop does, only slower
    except ImportError:
        result = asyncio.run(run(spec))
    else:
        result = uvloop.run(run(spec))
    sys.stdout.write(json.dumps(asdict(result)) + "\n")


if __name__ == "__main__":
    main()
