"""The door of the service: an ASGI application that knows the routes, the keys, the limits and the log.

It is no framework's application: on two cores a framework's routing and validation cost as much as a score, and what is
valid changes with the served models. Schemas come from the contracts, see `requests` and `openapi`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.assignment import CHALLENGER
from churn_serving.access_log import Access, AccessLog, request_id_of
from churn_serving.answers import Answer
from churn_serving.docs_page import PAGE, POLICY, docs_file
from churn_serving.exchange import GoneError, Headers, Receive, Scope, Send, answer, body_of, refuse
from churn_serving.openapi import openapi_of
from churn_serving.problems import Problem
from churn_serving.requests import GREATEST_ID
from churn_serving.security.key_ring import ApiKey, Refusal
from churn_serving.security.key_ring import Scope as KeyScope
from churn_serving.security.keys import KeyWatch
from churn_serving.security.limits import RateLimits
from churn_serving.security.presented import presented_key
from churn_serving.service import ScoringService
from churn_serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_CUSTOMER = re.compile(r"/customers/([^/]+)/score")
_ID = re.compile(r"[0-9]{1,19}")
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
HEALTH, READY, METRICS, OPENAPI, DOCS = "/health", "/ready", "/metrics", "/openapi.json", "/docs"
DOCS_FILE = "/docs/{file}"
PREDICT, BATCH, CUSTOMER = "/predict", "/predict/batch", "/customers/{id}/score"
UNKNOWN = "unknown"
_PLAIN_ROUTES = frozenset({HEALTH, READY, METRICS, OPENAPI, DOCS, PREDICT, BATCH})
ROUTES = (*_PLAIN_ROUTES, DOCS_FILE, CUSTOMER, UNKNOWN)


class Readiness(Protocol):
    """What the service says of itself."""

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether it can score, and the models, the store and the failures."""


@dataclass
class _Visit:
    """What is known of a request as it is answered."""

    scope: Scope
    receive: Receive
    request_id: str
    route: str
    key_id: str | None = None
    rows: int = 0
    challenger_rows: int = 0
    fallback_rows: int = 0
    body_bytes: int = 0
    came: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class _Reply:
    """A success."""

    body: bytes
    media_type: bytes = b"application/json"
    status: int = 200
    headers: Headers | None = None


_Handler = Callable[[_Visit, ApiKey], Awaitable[_Reply]]


class Door:
    """Answers HTTP.

    Args:
        service: what scores.
        readiness: what `/ready` says.
        telemetry: what is counted.
        keys: who may ask.
        limits: how much.
        log: where it is written down.
        settings: limits of bodies.
        version: of the software, for the OpenAPI document.
    """

    def __init__(  # noqa: PLR0913, PLR0917  the parts of a door
        self,
        service: ScoringService,
        readiness: Readiness,
        telemetry: Telemetry,
        keys: KeyWatch,
        limits: RateLimits,
        log: AccessLog,
        settings: ServingSettings,
        version: str,
    ) -> None:
        self._service = service
        self._readiness = readiness
        self._telemetry = telemetry
        self._keys = keys
        self._limits = limits
        self._log = log
        self._settings = settings
        self._version = version
        self._encode = msgspec.json.Encoder().encode
        self._routes: dict[str, tuple[str, KeyScope, _Handler]] = {
            PREDICT: ("POST", KeyScope.SCORE, self._predict),
            BATCH: ("POST", KeyScope.SCORE, self._batch),
            CUSTOMER: ("GET", KeyScope.SCORE, self._customer),
            READY: ("GET", KeyScope.OBSERVE, self._ready),
            METRICS: ("GET", KeyScope.OBSERVE, self._metrics),
            OPENAPI: ("GET", KeyScope.OBSERVE, self._openapi),
            DOCS: ("GET", KeyScope.OBSERVE, self._docs),
            DOCS_FILE: ("GET", KeyScope.OBSERVE, self._docs),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # a server that hears nothing answers 500, now it is 403

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        visit = _Visit(scope, receive, request_id_of(scope["headers"]), _route_of(scope["path"]))
        try:
            status = await self._answered(visit, send)
        except GoneError:
            status = 499
        seconds = time.perf_counter() - started
        self._telemetry.requests.labels(visit.route, status).inc()
        self._telemetry.latency.labels(visit.route).observe(seconds)
        self._log.write(
            Access(
                time=visit.came,
                request_id=visit.request_id,
                key_id=visit.key_id,
                method=scope["method"],
                route=visit.route,
                status=status,
                latency_ms=seconds * 1_000,
                rows=visit.rows,
                champion_rows=visit.rows - visit.challenger_rows,
                challenger_rows=visit.challenger_rows,
                fallback_rows=visit.fallback_rows,
                body_bytes=visit.body_bytes,
            )
        )

    async def _answered(self, visit: _Visit, send: Send) -> int:
        try:
            reply = await self._reply(visit)
        except Problem as problem:
            await refuse(send, problem, visit.request_id, _allowed(visit.route, problem, self._routes))
            return problem.status
        except GoneError:
            raise
        except Exception as error:  # noqa: BLE001  the last line: nothing of the request may reach a log or the client
            _LOG.error("request %s failed: %s", visit.request_id, _place_of(error))
            await refuse(
                send, Problem(500, "the service failed; the request id leads to its log"), visit.request_id
            )
            return 500
        head = visit.scope["method"] == "HEAD"
        await answer(send, reply.status, reply.body, reply.media_type, reply.headers, head=head)
        return reply.status

    async def _reply(self, visit: _Visit) -> _Reply:
        if visit.route == HEALTH:
            if visit.scope["method"] not in {"GET", "HEAD"}:
                raise Problem(405, "this route answers GET")
            return _Reply(b'{"status":"ok"}')
        key = self._admitted(visit)
        if visit.route == UNKNOWN:
            raise Problem(404, "there is no such route; /openapi.json lists them")
        method, scope, handler = self._routes[visit.route]
        if visit.scope["method"] != method:
            raise Problem(405, f"this route answers {method}")
        if scope not in key.scopes:
            raise Problem(403, f"this key may not do that: it lacks the scope {scope}")
        return await handler(visit, key)

    def _admitted(self, visit: _Visit) -> ApiKey:
        presented = presented_key(visit.scope["headers"])
        found = self._keys.ring(time.monotonic()).authenticate(presented, visit.came)
        if isinstance(found, Refusal):
            self._telemetry.refused_keys.labels(found.value).inc()
            raise Problem(401, "send a valid API key in the header X-API-Key")
        visit.key_id = found.id
        return found

    def _charge(self, key: ApiKey, customers: int) -> None:
        wait = self._limits.admit(key, time.monotonic(), customers)
        if wait == 0.0:
            return
        self._telemetry.limited.labels(key.id).inc()
        if math.isinf(wait):
            raise Problem(
                413, f"this key may ask about {key.burst} customers at once at the most: send fewer"
            )
        raise Problem(429, "this key has asked too often", retry_after_s=math.ceil(wait))

    async def _predict(self, visit: _Visit, key: ApiKey) -> _Reply:
        self._charge(key, 1)
        schema = self._service.in_force().served.schema
        body = await body_of(
            visit.scope, visit.receive, self._settings.body_limit_bytes, self._settings.body_timeout_s
        )
        visit.body_bytes = len(body)
        return await self._one(visit, schema.customer(body))

    async def _customer(self, visit: _Visit, key: ApiKey) -> _Reply:
        self._charge(key, 1)
        found = _CUSTOMER.fullmatch(visit.scope["path"])
        text = found.group(1) if found else ""
        if not _ID.fullmatch(text) or not 1 <= int(text) <= GREATEST_ID:
            raise Problem(422, f"a customer id is a whole number from 1 to {GREATEST_ID}", field="id")
        schema = self._service.in_force().served.schema
        return await self._one(visit, schema.customer_type(customer_id=int(text)))

    async def _one(self, visit: _Visit, request: Any) -> _Reply:  # noqa: ANN401  made from the contracts
        found = await self._service.one(request, explain=_explain(visit.scope["query_string"]))
        self._note(visit, [found])
        return _Reply(self._encode(found))

    async def _batch(self, visit: _Visit, key: ApiKey) -> _Reply:
        if _explain(visit.scope["query_string"]):
            raise Problem(422, "reasons are given for one customer at a time", field="explain")
        schema = self._service.in_force().served.schema
        body = await body_of(
            visit.scope, visit.receive, self._settings.batch_limit_bytes, self._settings.body_timeout_s
        )
        visit.body_bytes = len(body)
        batch = schema.batch(body)
        self._charge(key, len(batch.customers))
        found = await self._service.many(batch)
        self._note(visit, [each for each in found.results if isinstance(each, Answer)])
        return _Reply(self._encode(found))

    @staticmethod
    def _note(visit: _Visit, answers: list[Answer]) -> None:
        visit.rows = len(answers)
        visit.challenger_rows = sum(each.arm == CHALLENGER for each in answers)
        visit.fallback_rows = sum(each.fallback for each in answers)

    async def _ready(self, _visit: _Visit, _key: ApiKey) -> _Reply:
        ready, report = self._readiness.report()
        if self._keys.problem is not None:
            report["failures"].append({"what": "API keys", "reason": self._keys.problem})
        return _Reply(
            self._encode(report),
            status=200 if ready else 503,
            headers=None if ready else [(b"retry-after", b"1")],
        )

    async def _metrics(self, _visit: _Visit, _key: ApiKey) -> _Reply:
        text = await asyncio.to_thread(self._telemetry.text)
        return _Reply(text, _TEXT)

    async def _openapi(self, _visit: _Visit, _key: ApiKey) -> _Reply:
        served = self._service.in_force().served
        return _Reply(self._encode(openapi_of(served, self._settings, self._version)))

    async def _docs(self, visit: _Visit, _key: ApiKey) -> _Reply:
        found = docs_file(PAGE if visit.route == DOCS else visit.scope["path"].removeprefix("/docs/"))
        if found is None:
            raise Problem(404, "the page has no such file")
        return _Reply(*found, headers=[POLICY])


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        kind = message["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return


def _route_of(path: str) -> str:
    """Return the route's template, so that no path with a customer's id goes any further."""
    if path in _PLAIN_ROUTES:
        return path
    if path.startswith("/docs/"):
        return DOCS_FILE
    return CUSTOMER if _CUSTOMER.fullmatch(path) else UNKNOWN


def _explain(query: bytes) -> bool:
    """Read the one parameter that there is.

    Raises:
        Problem: 422, it is neither true nor false, or there is another.
    """
    if not query:
        return False
    match query.lower():
        case b"explain=true" | b"explain=1":
            return True
        case b"explain=false" | b"explain=0" | b"explain=":
            return False
    raise Problem(422, "the only parameter is explain, true or false", field="explain")


def _allowed(
    route: str, problem: Problem, routes: dict[str, tuple[str, KeyScope, _Handler]]
) -> Headers | None:
    if problem.status != 405:
        return None
    method = routes[route][0] if route in routes else "GET"
    return [(b"allow", method.encode())]


def _place_of(error: Exception) -> str:
    """Say what failed and where, without the error's text, which may hold a value."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_qualname}:{place.tb_lineno}" if place is not None else "unknown"
    return f"{type(error).__name__} in {where}"
