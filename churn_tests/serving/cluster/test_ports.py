"""What is open beyond the service's own port: on loopback alone, and of use to nobody without Ray's token."""

from __future__ import annotations

import http.client
import stat
import urllib.error
import urllib.request

import pytest

from churn_serving.cluster.environment import RuntimeFolders
from churn_tests.benchmarks.serving.processes import tree
from churn_tests.benchmarks.serving.running import HOST, Service
from churn_tests.serving.cluster.grpc_calls import Call, statuses_of
from churn_tests.serving.cluster.sockets import Listener, listeners

METHODS = (
    *("/ray.rpc.CoreWorkerService/GetCoreWorkerStats", "/ray.rpc.CoreWorkerService/PushTask"),
    *("/ray.rpc.NodeManagerService/GetNodeStats", "/ray.rpc.ObjectManagerService/Pull"),
    *("/ray.rpc.InternalKVGcsService/InternalKVKeys", "/ray.rpc.ReporterService/GetTraceback"),
    *("/ray.serve.ASGIService/HandleRequest", "/ray.serve.ASGIService/HandleRequestWithRejection"),
)
"""What would read Ray's state or run code, one at least of each service."""
PATHS = (
    "/",
    "/predict",
    "/customers/7/score",
    "/metrics",
    "/openapi.json",
    "/api/version",
    "/-/routes",
    "/-/healthz",
)
WITHIN_S = 3.0


@pytest.fixture(scope="module")
def found(running: Service) -> list[Listener]:
    """All that the service's processes listen on."""
    return listeners(tree(running.server.pid, running.server.mark))


def test_everything_listens_on_loopback_alone(found: list[Listener], running: Service) -> None:
    assert running.port in {each.port for each in found}
    assert len(found) > 5, "Ray's ports are looked at too"
    assert [each for each in found if not each.on_loopback] == []


def test_ray_s_ports_do_nothing_without_its_token(found: list[Listener], running: Service) -> None:
    token = running.places.ray_token.read_text(encoding="ascii").strip()
    calls = [(port, method) for port in _speaking_grpc(found) for method in METHODS]
    without = statuses_of([Call(*call) for call in calls])
    known = [call for call, status in zip(calls, without, strict=True) if status != "UNIMPLEMENTED"]

    assert {method for _, method in known} == set(METHODS), "each service was found and asked"
    assert set(without) == {"UNIMPLEMENTED", "UNAUTHENTICATED"}
    assert set(statuses_of([Call(*call, "0" * len(token)) for call in known])) == {"UNAUTHENTICATED"}
    assert "UNAUTHENTICATED" not in statuses_of([Call(*call, token) for call in known]), (
        "it was the token that lacked"
    )


def test_http_beyond_the_service_tells_no_more_than_that_it_is_there(
    found: list[Listener], running: Service
) -> None:
    for port in {each.port for each in found} - {running.port}:
        for path in PATHS:
            status, body = _fetched(port, path)
            if status == 200:
                assert _is_harmless(path, body), (port, path, body[:200])
            else:
                assert status in {None, 401, 404}, (port, path, status)


def _speaking_grpc(found: list[Listener]) -> list[int]:
    ports = sorted({each.port for each in found})
    statuses = statuses_of([Call(port, "/of.nobody/Nothing") for port in ports])
    return [port for port, status in zip(ports, statuses, strict=True) if status == "UNIMPLEMENTED"]


def _fetched(port: int, path: str) -> tuple[int | None, bytes]:
    """Return what a GET without any key is answered with; no status where HTTP/1.1 is not spoken."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=WITHIN_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (http.client.HTTPException, OSError):
        return None, b""


def _is_harmless(path: str, body: bytes) -> bool:
    """Tell whether an answer is Ray's own figures, or the name of the application."""
    if path in {"/-/routes", "/-/healthz"} and body in {b'{"/":"churn"}', b"success"}:
        return True
    return body.startswith(b"# HELP") and b"churn_predictions" not in body


def test_secrets_are_for_their_owner_alone(running: Service) -> None:
    places = running.places
    runtime = RuntimeFolders.of(places)
    for path in (places.api_keys, places.root / "local.key", places.ray_token, places.limits):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(runtime.root.stat().st_mode) == 0o700, "sockets and Ray's logs lie in it"
    assert not stat.S_IMODE(places.logs.stat().st_mode) & stat.S_IRWXO
