"""Requests that no client should send: spoilt bodies, routes, headers and framing, from a seeded random generator."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from churn_tests.benchmarks.serving.running import Service
from churn_tests.serving.cluster.malformed_bodies import BODIES, CANARY, CANARY_ID, Example

_JSON = "application/json"
_MEDIA_TYPES = (
    *("application/x-pickle", "application/python-pickle", "application/octet-stream", "text/plain", ""),
    *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/xml", "*/*"),
    *("application/jsonx", f"application/{CANARY}", f"{CANARY}", "application/json/", "\u00ff", "text/json"),
)
_IDS = (
    *("0", "-1", "1.0", "1e3", "0x7", "%00", "%0d%0aX-A:%20b", "%2e%2e", "%ff%fe", "%zz", "%", "7%20"),
    *(CANARY, f"{CANARY_ID}0", quote(CANARY + "/"), "%D9%A3", "9" * 40, "a" * 9_000, "NaN", "null", "%2f7"),
)
_PATHS = (
    *("/", "/nowhere", "//predict", "/predict/", "/predict/../ready", "/PREDICT", "/-/routes", "/-/healthz"),
    *("/%2d/routes", "/%2D/healthz", "/docs/../../etc/passwd", "/docs/%2e%2e%2fdoor.py", "/docs/a%00", "*"),
    *(f"/{CANARY}", f"/customers/{CANARY_ID}", f"/{'a' * 20_000}", f"/?{CANARY}", CANARY),
)
_QUERIES = (
    CANARY,
    f"explain={CANARY}",
    f"{CANARY}=true",
    "explain=true&explain=false",
    "explain=%00",
    "&" * 900,
)
_METHODS = (
    "HEAD",
    "PUT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "DELETE",
    "QUERY",
    "PROPFIND",
    CANARY.upper(),
    "get",
    "A" * 99,
)
_BYTES = f"\x01\x7f\u00ff{CANARY}\u0080"
_HEADERS = (
    *(f"X-Request-ID: {CANARY}", f"X-Request-ID: {_BYTES}", "X-Request-ID: " + "g" * 36, "X-Request-ID:"),
    *(
        f"X-Session-ID: {_BYTES}",
        f"X-Session-ID: {CANARY}",
        f"Authorization: {_BYTES}",
        "Authorization: Basic =",
    ),
    *(f"Authorization: Bearer {CANARY}", f"Authorization: Basic {CANARY * 60}", f"Cookie: {CANARY}={CANARY}"),
    *(
        "X-Request-Timeout-Seconds: -1",
        "X-Request-Timeout-Seconds: abc",
        "X-Request-Timeout-Seconds: 0.000001",
    ),
    *("X-Request-Timeout-Seconds: nan", f"X-Request-Disconnect-Disabled: {CANARY}", f"Traceparent: {CANARY}"),
    *(
        f"Serve-Multiplexed-Model-Id: {CANARY}",
        f"serve_multiplexed_model_id: {_BYTES}",
        "Expect: 100-continue",
    ),
    *("Upgrade: h2c", f"Connection: upgrade, {CANARY}", "Upgrade: websocket", f"Te: {CANARY}"),
    *(f"X-Forwarded-For: {CANARY}", f"Forwarded: for={CANARY}", f"Accept: {CANARY}", f"X: {CANARY * 900}"),
    f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'a' * 22}==",
    f"Content-Encoding: {CANARY}",
)
_NOT_HTTP = (
    f"{CANARY}\r\n\r\n",
    f"GET /health {CANARY}\r\n\r\n",
    f"GET /health HTTP/1.1\r\n{CANARY}\r\n\r\n",
    f"GET /health HTTP/1.1\r\n: {CANARY}\r\n\r\n",
    f"GET /health HTTP/1.1\r\nA\x00: {CANARY}\r\n\r\n",
    f"GET /health HTTP/1.1\r\nHost: a\r\nHost: {CANARY}\r\n\r\n",
    f"GET http://{CANARY}/health HTTP/1.1\r\nHost: x\r\n\r\n",
    f"GET /{CANARY} \u00ff HTTP/1.1\r\n\r\n",
    f"GET /health HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nA: {CANARY}\r\n\r\n",
    f"CONNECT {CANARY}:443 HTTP/1.1\r\n\r\n",
    "GET /health HTTP/1.1\r\n" + "A: b\r\n" * 300 + "\r\n",
    f"GET /{CANARY * 20_000} HTTP/1.1\r\n\r\n",
    f"GET /health HTTP/1.1\r\nA: {CANARY * 9_000}\r\n\r\n",
    f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{CANARY}",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    f"GET /health HTTP/1.1\r\n\r\n{CANARY}\r\n\r\n",
    f"\r\n\r\n\r\n{CANARY}\r\n\r\n",
)
_LENGTHS = ("abc", "-1", "9" * 20, "1, 2", "0x10", "")
_TRANSFERS = (f"{CANARY}", "gzip, chunked", "chunked, chunked", "identity", "chunked\r\nContent-Length: 2")


@dataclass(frozen=True)
class Malformed:
    """A request as it goes over the wire.

    Attributes:
        kind: what is wrong with it.
        payload: its bytes.
        framed: whether it can be told where it ends, so that others may follow on its connection.
        head: whether its answer has no body.
    """

    kind: str
    payload: bytes
    framed: bool = True
    head: bool = False


def example_of(service: Service) -> dict[str, Any]:
    """Return features that the service takes, from its own document."""
    document = service.get("/openapi.json")
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"][_JSON]
    found: dict[str, Any] = body["examples"]["by features"]["value"]["features"]
    return found


def malformed(seed: int, key: str, example: Example) -> Iterator[Malformed]:
    """Yield malformed requests without end.

    Args:
        seed: the same one gives the same requests.
        key: a valid key, so that more than the key is looked at.
        example: features that the service takes.
    """
    dice = random.Random(seed)  # noqa: S311  mischief, no secrets
    maker = _Maker(dice, key, example)
    makers: tuple[Callable[[], Malformed], ...] = (
        *(maker.body for _ in range(9)),
        *(maker.header for _ in range(4)),
        maker.route,
        maker.route,
        maker.method,
        maker.media_type,
        maker.chunks,
        maker.framing,
        maker.no_http,
    )
    while True:
        yield dice.choice(makers)()


class _Maker:
    def __init__(self, dice: random.Random, key: str, example: Example) -> None:
        self._dice = dice
        self._key = key
        self._example = example

    def body(self) -> Malformed:
        """Spoil a body."""
        if self._dice.random() < 0.005:
            return Malformed("too large", self._posted("/predict", self._too_much()))
        spoil = self._dice.choice(BODIES)
        content = spoil(self._dice, self._example)
        path = (
            "/predict/batch" if spoil.__name__ == "wrong_batch" or self._dice.random() < 0.1 else "/predict"
        )
        return Malformed(spoil.__name__, self._posted(path, content))

    def header(self) -> Malformed:
        """Add a header that is not meant for us, or not so."""
        header = self._dice.choice(_HEADERS)
        if self._dice.random() < 0.5:
            return Malformed("header", self._request("GET", f"/customers/{CANARY_ID}/score", header))
        spoilt = self.body()
        start, _, rest = spoilt.payload.partition(b"\r\n")
        return Malformed("header and body", start + b"\r\n" + header.encode("latin-1") + b"\r\n" + rest)

    def route(self) -> Malformed:
        """Ask for a customer or a route that cannot be, or with a parameter that is none."""
        match self._dice.randrange(3):
            case 0:
                return Malformed("id", self._request("GET", f"/customers/{self._dice.choice(_IDS)}/score"))
            case 1:
                return Malformed("path", self._request("GET", self._dice.choice(_PATHS)))
            case _:
                path = self._dice.choice((f"/customers/{CANARY_ID}/score", "/predict/batch", "/predict"))
                asked = f"{path}?{self._dice.choice(_QUERIES)}"
                return Malformed("query", self._request("GET" if "score" in path else "POST", asked))

    def method(self) -> Malformed:
        """Use another method."""
        method = self._dice.choice(_METHODS)
        path = self._dice.choice(
            ("/predict", "/predict/batch", f"/customers/{CANARY_ID}/score", "/health", "/x")
        )
        return Malformed("method", self._request(method, path), head=method == "HEAD")

    def media_type(self) -> Malformed:
        """Call the body something else than JSON."""
        content = b"\x80\x04\x95cposix\nsystem\n" + CANARY.encode()
        return Malformed(
            "media type", self._posted("/predict", content, media_type=self._dice.choice(_MEDIA_TYPES))
        )

    def chunks(self) -> Malformed:
        """Send a body in chunks: a spoilt one, one beyond the limit, or one that is no chunk."""
        path = self._dice.choice(("/predict", "/predict/batch"))
        content = self._dice.choice(BODIES)(self._dice, self._example)
        if self._dice.random() < 0.05:
            content = self._too_much()
        size = self._dice.choice((1_000, 16_000, 65_536))
        parts = [content[start : start + size] for start in range(0, len(content), size)]
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        head = self._request("POST", path, f"Content-Type: {_JSON}\r\nTransfer-Encoding: chunked")
        if self._dice.random() < 0.1:
            return Malformed("no chunk", head + CANARY.encode() + b"\r\n" + chunked, framed=False)
        return Malformed("chunks", head + chunked)

    def framing(self) -> Malformed:
        """Lie about the length of the body, or announce one that is too large."""
        spoilt = self._dice.choice(BODIES)(self._dice, self._example)
        match self._dice.randrange(5):
            case 0:
                length = f"Content-Length: {self._dice.choice(_LENGTHS)}"
            case 1:
                length = f"Content-Length: {max(len(spoilt) - self._dice.randrange(1, 40), 0)}"
            case 2:
                length = f"Content-Length: {len(spoilt)}\r\nContent-Length: {len(spoilt) + 1}"
            case 3:
                length = f"Content-Length: {self._dice.choice((3_000_000, 10**9, 10**12))}"
            case _:
                length = f"Transfer-Encoding: {self._dice.choice(_TRANSFERS)}"
        head = self._request("POST", "/predict", f"Content-Type: {_JSON}\r\n{length}")
        return Malformed("framing", head + spoilt, framed=False)

    def no_http(self) -> Malformed:
        """Send what is no HTTP, or a head beyond all measure, alone or behind a request that is right."""
        junk = self._dice.choice(_NOT_HTTP).encode("latin-1")
        before = self._request("GET", "/health") * self._dice.choice((0, 0, 1, 3))
        return Malformed("no HTTP", before + junk, framed=False)

    def _too_much(self) -> bytes:
        return CANARY.encode() * self._dice.choice((6_000, 50_000, 150_000))

    def _posted(self, path: str, content: bytes, media_type: str = _JSON) -> bytes:
        more = f"Content-Type: {media_type}\r\nContent-Length: {len(content)}"
        return self._request("POST", path, more) + content

    def _request(self, method: str, path: str, more: str = "") -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: churn",
            f"X-API-Key: {self._key}",
            *([more] if more else []),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def slow(key: str) -> list[tuple[str, float, tuple[bytes, ...]]]:
    """Return requests that hardly come: what they are, the seconds between their parts, and the parts.

    Args:
        key: a valid key.
    """
    start = f"POST /predict HTTP/1.1\r\nHost: churn\r\nX-API-Key: {key}\r\nContent-Type: {_JSON}\r\n".encode()
    batch = start.replace(b"/predict", b"/predict/batch") + b"Content-Length: 1500000\r\n\r\n"
    crumbs = (f'"{CANARY}"'.encode(),) * 40
    chunk = b"%x\r\n%b\r\n" % (len(crumbs[0]), crumbs[0])
    return [
        ("nothing", 0.5, (b"",) * 40),
        ("head", 0.5, (b"GET /health HTTP/1.1\r\n", *(f"A: {CANARY}\r\n".encode(),) * 40)),
        ("body", 0.5, (start + b"Content-Length: 20000\r\n\r\n", *crumbs)),
        ("chunks", 0.5, (start + b"Transfer-Encoding: chunked\r\n\r\n", *(chunk,) * 40)),
        ("rest of a batch", 0.5, (batch + CANARY.encode() * 12_500, *crumbs)),
    ]
