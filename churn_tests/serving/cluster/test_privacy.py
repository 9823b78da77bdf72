"""Nothing of a customer is left behind: a canary goes through every route and every failing path, then is searched for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from churn_serving.cluster.environment import RuntimeFolders
from churn_tests.benchmarks.serving.connection import encoded
from churn_tests.benchmarks.serving.running import Service
from churn_tests.serving.cluster.malformed_bodies import CANARY, CANARY_ID
from churn_tests.serving.cluster.malformed_requests import example_of, malformed
from churn_tests.serving.cluster.wire import Line

MARKS = (
    CANARY.encode(),
    CANARY.upper().encode(),
    str(CANARY_ID).encode(),
    CANARY_ID.to_bytes(8, "little"),
    CANARY_ID.to_bytes(8, "big"),
)
MALFORMED = 1_000
FLUSHED_S = 1.5


def right_requests(service: Service, features: dict[str, Any]) -> Iterator[str]:
    """Yield requests about the canary, and some of its neighbours, so that both arms are asked, on every route."""
    for customer in range(CANARY_ID, CANARY_ID + 10):
        headers = {
            "X-API-Key": service.key,
            "X-Request-ID": str(uuid4()),
            "User-Agent": CANARY,
            "Referer": CANARY,
        }
        whole = {"customer_id": customer, "features": features}
        known_and_not = {"customers": [whole, {"customer_id": customer}]}
        few = {"customer_id": customer, "overrides": dict(list(features.items())[:2])}
        for path, body in (
            ("/predict", whole),
            ("/predict?explain=true", whole),
            ("/predict", {"customer_id": customer}),
            ("/predict", few),
            ("/predict/batch", known_and_not),
            ("/predict/batch", {"customers": [few] * 100}),
        ):
            yield encoded("POST", path, json.dumps(body), headers)
        yield encoded("GET", f"/customers/{customer}/score?explain=true", headers=headers)


def no_keys() -> Iterator[str]:
    """Yield requests whose key is the canary."""
    for name, value in (
        ("X-API-Key", CANARY),
        ("Authorization", f"Bearer {CANARY}"),
        ("Authorization", f"Basic {CANARY}"),
        ("X-API-Key", f"churn_{CANARY_ID:x}_{CANARY}"),
    ):
        yield encoded("GET", f"/customers/{CANARY_ID}/score", headers={name: value})


async def sent(service: Service, payloads: Iterator[str]) -> list[int]:
    """Send requests one after the other; return the statuses of the answers."""
    line = Line(service.port)
    replies = [await line.ask(payload.encode()) for payload in payloads]
    line.close()
    return [reply.status for reply in replies if reply]


async def malformed_sent(service: Service, features: dict[str, Any]) -> None:
    line = Line(service.port)
    for request in islice(malformed(77, service.key, features), MALFORMED):
        if request.framed:
            await line.ask(request.payload, head=request.head)
        else:
            await line.tell(request.payload)
    line.close()


def fallbacks(service: Service) -> float:
    return sum(v for name, v in service.metrics().items() if name.startswith("churn_fallbacks_total"))


def written(service: Service) -> dict[Path, bytes]:
    """Return all files of the service's state, of Ray's logs and of HAProxy."""
    runtime = RuntimeFolders.of(service.places)
    folders = (service.places.root, runtime.ray / "session_latest" / "logs", runtime.haproxy)
    paths = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in paths}


def test_a_canary_is_in_no_file_no_log_and_no_metric(service: Service) -> None:
    features = example_of(service)

    statuses = asyncio.run(sent(service, right_requests(service, features)))
    statuses += asyncio.run(sent(service, no_keys()))
    asyncio.run(malformed_sent(service, features))
    before = fallbacks(service)
    service.kill("challenger")  # who asks now is answered on the path of a failure
    statuses += asyncio.run(sent(service, right_requests(service, features)))
    time.sleep(FLUSHED_S)
    files = written(service)

    assert set(statuses) == {200, 401, 404}
    assert fallbacks(service) > before
    assert sum(content.count(b'"route":"/customers/{id}/score"') for content in files.values()) > 20, (
        "the log was read"
    )
    assert any("session_latest" in str(path) for path in files)
    shown = asyncio.run(
        Line(service.port).ask(encoded("GET", "/metrics", headers={"X-API-Key": service.key}).encode())
    )
    assert shown is not None
    for mark in MARKS:
        assert mark not in shown.body
        assert [str(path) for path, content in files.items() if mark in content] == []


def test_no_key_is_in_any_file_but_its_own(service: Service) -> None:
    secret = service.key.rpartition("_")[2].encode()
    token = service.places.ray_token.read_bytes().strip()

    files = written(service)

    assert [path for path, content in files.items() if secret in content] == [
        service.places.root / "local.key"
    ]
    assert [path for path, content in files.items() if token in content] == [service.places.ray_token]
