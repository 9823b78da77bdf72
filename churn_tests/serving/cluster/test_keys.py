"""Who may ask, how much, and from when on no more: over real HTTP, and in both replicas at once."""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from churn_serving.security.key_file import KeyFile
from churn_serving.security.key_ring import Scope
from churn_tests.benchmarks.serving.connection import encoded
from churn_tests.benchmarks.serving.running import Service
from churn_tests.serving.cluster.answering import asked, await_both, replicas_that_logged

ROUTES = (
    *(("POST", "/predict"), ("POST", "/predict/batch"), ("GET", "/customers/7/score")),
    *(
        ("GET", "/ready"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/docs/start.js"),
    ),
    *(
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("PUT", "/predict"),
        ("DELETE", "/customers/7/score"),
        ("HEAD", "/ready"),
    ),
    *(
        ("GET", "/-/routes"),
        ("GET", "/-/healthz"),
        ("GET", "/%2d/routes"),
        ("GET", "/%2D/healthz"),
        ("GET", "/-/"),
    ),
)
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
}
BOTH = frozenset(Scope)


@pytest.fixture(scope="module")
def both(running: Service) -> set[int]:
    """The processes of both champions, each of which gets requests."""
    return await_both(running)


def made(
    service: Service,
    *,
    scopes: frozenset[Scope] = BOTH,
    rate: float = 0.0,
    burst: int = 0,
    ago: timedelta = timedelta(0),
    lives: timedelta | None = None,
) -> tuple[str, str]:
    """Make a key; return its id and the key itself.

    Args:
        service: whose key.
        scopes: what it may ask for.
        rate: customers a second.
        burst: customers at once.
        ago: how long ago it was made.
        lives: how long after that it expires.
    """
    then = datetime.now(UTC) - ago
    key, plaintext = KeyFile(service.places.api_keys).create(
        "test",
        scopes,
        then,
        secrets.token_bytes,
        rate_per_second=rate,
        burst=burst,
        expires_at=None if lives is None else then + lives,
    )
    return key.id, plaintext


def revoked(service: Service) -> str:
    """Return a key that was good once."""
    key_id, key = made(service)
    KeyFile(service.places.api_keys).revoke(key_id, datetime.now(UTC))
    return key


def bad_keys(service: Service) -> dict[str, dict[str, str]]:
    """Return the headers of requests whose key is not to be accepted, by what is wrong with it."""
    good = service.key
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    expired = made(service, ago=timedelta(days=2), lives=timedelta(days=1))[1]
    basic = b64encode(b"churn:" + wrong.encode()).decode()
    return {
        "missing": {},
        "empty": {"X-API-Key": ""},
        "malformed": {"X-API-Key": "churn_me"},
        "unknown": {"X-API-Key": f"churn_{'0' * 12}_{'0' * 64}"},
        "wrong": {"X-API-Key": wrong},
        "expired": {"X-API-Key": expired},
        "revoked": {"X-API-Key": revoked(service)},
        "upper case": {"X-API-Key": good.upper()},
        "of Ray": {"Authorization": f"Bearer {service.places.ray_token.read_text(encoding='ascii')}"},
        "wrong as a password": {"Authorization": f"Basic {basic}"},
        "good in a wrong place": {"Cookie": f"X-API-Key={good}", "X-Api-Keys": good, "Authorization": good},
        "wrong before good": {"X-API-Key": wrong, "Authorization": f"Bearer {good}"},
    }


def statuses(service: Service, path: str, key: str, times: int) -> Counter[int]:
    """Ask for a path so often with a key, each replica in turn; count the statuses."""
    requests = [encoded("GET", path, headers={"X-API-Key": key})] * times
    return Counter(reply.status for reply in asked(service, requests))


def test_without_an_accepted_key_every_route_but_health_answers_401(running: Service) -> None:
    for what, headers in bad_keys(running).items():
        requests = [encoded(method, path, headers=headers) for method, path in ROUTES]
        requests += [encoded("GET", path, headers=headers | UPGRADE) for path in ("/", "/ready", "/-/routes")]
        replies = asked(running, requests)

        assert [reply.status for reply in replies] == [401] * len(requests), what
        for request, reply in zip(requests, replies, strict=True):
            assert reply.header("content-type") == "application/problem+json"
            assert (reply.header("www-authenticate") or "").startswith("Basic"), what
            if not request.startswith("HEAD"):
                assert json.loads(reply.body)["detail"] == "send a valid API key in the header X-API-Key", (
                    what
                )
        (health,) = asked(running, [encoded("GET", "/health", headers=headers)])
        assert health.status == 200, what


def test_a_key_of_the_command_works_at_once_and_fails_at_once_when_it_is_revoked(
    running: Service, both: set[int]
) -> None:
    created = json.loads(running.churn("key", "create", "prometheus", "--scope", "observe", "--json").stdout)

    assert statuses(running, "/ready", created["key"], 8) == {200: 8}
    assert replicas_that_logged(running, created["id"]) == both

    done = running.churn("key", "revoke", created["id"])
    assert done.returncode == 0, done.stderr
    assert statuses(running, "/ready", created["key"], 8) == {401: 8}


def test_a_key_may_do_only_what_its_scope_says(running: Service) -> None:
    for scope, may, may_not in (
        (Scope.OBSERVE, "/ready", "/customers/7/score"),
        (Scope.SCORE, "/customers/7/score", "/ready"),
    ):
        _, key = made(running, scopes=frozenset({scope}))
        assert 403 not in statuses(running, may, key, 4)
        assert statuses(running, may_not, key, 4) == {403: 4}


def test_a_rate_holds_over_both_replicas_together(running: Service, both: set[int]) -> None:
    rate, burst, times = 5.0, 10, 60
    key_id, key = made(running, rate=rate, burst=burst)
    requests = [encoded("GET", "/customers/7/score", headers={"X-API-Key": key})] * times
    begun = time.monotonic()
    replies = asked(running, requests)
    took = time.monotonic() - begun

    admitted = [reply for reply in replies if reply.status != 429]
    assert burst <= len(admitted) <= burst + took * rate + 1
    for reply in replies:
        if reply.status == 429:
            assert int(reply.header("retry-after") or "") >= 1
            assert reply.header("content-type") == "application/problem+json"
    assert replicas_that_logged(running, key_id) == both


def test_who_waits_as_long_as_told_is_admitted(running: Service) -> None:
    _, key = made(running, rate=2.0, burst=1)
    request = encoded("GET", "/customers/7/score", headers={"X-API-Key": key})
    first, second = asked(running, [request, request])
    assert (first.status, second.status) == (404, 429)

    time.sleep(int(second.header("retry-after") or ""))
    assert asked(running, [request])[0].status == 404


@pytest.mark.parametrize("customers", [11, 1_000])
def test_a_batch_beyond_what_may_come_at_once_is_refused_as_a_whole(running: Service, customers: int) -> None:
    _, key = made(running, rate=5.0, burst=10)
    body = json.dumps({"customers": [{"customer_id": 7}] * customers})
    small = json.dumps({"customers": [{"customer_id": 7}] * 10})
    requests = [encoded("POST", "/predict/batch", each, {"X-API-Key": key}) for each in (body, small)]
    refused, admitted = asked(running, requests)

    assert refused.status == 413, "it would never be admitted, however long the client waited"
    assert admitted.status == 200, "what is refused costs nothing"
