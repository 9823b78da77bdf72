"""Which replicas answer, read from their access logs; and how to ask them one request after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from uuid import uuid4

from churn_tests.benchmarks.serving.connection import encoded
from churn_tests.benchmarks.serving.running import Service
from churn_tests.serving.cluster.wire import Line, Reply

FLUSHED_S = 1.0
_PROBES = 6
_WITHIN_S = 20.0


def asked(service: Service, requests: Iterable[str]) -> list[Reply]:
    """Ask one after the other on one connection; each replica has its turn."""

    async def ask() -> list[Reply | None]:
        line = Line(service.port)
        found = [await line.ask(each.encode("latin-1"), head=each.startswith("HEAD")) for each in requests]
        line.close()
        return found

    replies = asyncio.run(ask())
    answered = [reply for reply in replies if reply is not None]
    assert len(answered) == len(replies), "each request is answered"
    return answered


def replicas_that_logged(service: Service, word: str) -> set[int]:
    """Return the processes whose access logs hold a word, such as a key's id, some time after it came."""
    time.sleep(FLUSHED_S)
    logs = service.places.logs.glob("access-*.jsonl")
    return {int(path.stem.partition("-")[2]) for path in logs if word in path.read_text(encoding="ascii")}


def await_both(service: Service) -> set[int]:
    """Wait until all champions get requests, which one does not while it takes a change over; return their processes.

    Raises:
        TimeoutError: one gets none.
    """
    deadline = time.monotonic() + _WITHIN_S
    while time.monotonic() < deadline:
        champions = {each.pid for each in service.replicas("champion")}
        mark = str(uuid4())
        asked(service, [encoded("GET", "/health", headers={"X-Request-ID": mark})] * _PROBES)
        if len(champions) > 1 and replicas_that_logged(service, mark) == champions:
            return champions
    raise TimeoutError(f"not all champions get requests within {_WITHIN_S:.0f} s")
