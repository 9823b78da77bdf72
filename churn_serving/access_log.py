"""The access log: who asked what, when, how fast and with what outcome; never about whom, and no word of the client's.

One JSON object a line, one file a process, so that no lock is needed between replicas. What can enter is an allow-list:
numbers, known names, and a request id that is a UUID. A path, a body, a header's text or a customer's id has no field.
"""

from __future__ import annotations

import atexit
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from churn_serving.access_files import LineFile, file_of, prune
from churn_serving.security.key_ring import KEY_ID

OTHER = "OTHER"
"""Stands for a method, a route, a request id or a key id that is none of the known ones."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UUID = rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
_UUID_BYTES = re.compile(_UUID)
_UUID_TEXT = re.compile(_UUID.decode("ascii"))
_LINE = (
    '{"time":"%s","request_id":"%s","key_id":%s,"method":"%s","route":"%s","status":%d,"latency_ms":%.3f,'
    '"rows":%d,"champion_rows":%d,"challenger_rows":%d,"fallback_rows":%d,"body_bytes":%d}\n'
)
"""A number's place takes nothing but a number."""
_FLUSH_SECONDS = 0.4
_MOST_WAITING = 100_000
"""Lines that wait for a disk that hangs, about 30 MB; what comes beyond is counted as lost."""


class Access(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answered request.

    Attributes:
        time: when it came, with a time zone.
        request_id: see `request_id_of`.
        key_id: id of the key that was accepted; None where none was.
        method: HTTP method.
        route: template of the route, such as `/customers/{id}/score`.
        status: HTTP status of the answer.
        latency_ms: from the request to the answer, milliseconds.
        rows: customers scored.
        champion_rows: of them by the champion.
        challenger_rows: of them by the challenger.
        fallback_rows: of them by the champion in place of a challenger that failed or was late.
        body_bytes: length of the request's body.
    """

    time: datetime
    request_id: str
    key_id: str | None
    method: str
    route: str
    status: int
    latency_ms: float
    rows: int = 0
    champion_rows: int = 0
    challenger_rows: int = 0
    fallback_rows: int = 0
    body_bytes: int = 0


def request_id_of(headers: Iterable[tuple[bytes, bytes]], new: Callable[[], UUID] = uuid4) -> str:
    """Return the client's `X-Request-ID` if it is a UUID (36 characters, or 32 hexadecimal digits), else a new one.

    Args:
        headers: pairs of name and value as ASGI hands them over, the names in lower case.
        new: makes a UUID.
    """
    for name, value in headers:
        if name == b"x-request-id":
            if _UUID_BYTES.fullmatch(value):
                return value.decode("ascii")
            break
    return new().hex


def line_of(access: Access, routes: Collection[str]) -> str:
    """Write a request as one line of JSON, and whatever is not on the allow-list as `OTHER`.

    Raises:
        TypeError: a number is none.
    """
    known = access.key_id is not None and KEY_ID.fullmatch(access.key_id)
    return _LINE % (
        access.time.astimezone(UTC).isoformat(timespec="milliseconds"),
        access.request_id if _UUID_TEXT.fullmatch(access.request_id) else OTHER,
        "null" if access.key_id is None else f'"{access.key_id if known else OTHER}"',
        access.method if access.method in METHODS else OTHER,
        access.route if access.route in routes else OTHER,
        access.status,
        access.latency_ms,
        access.rows,
        access.champion_rows,
        access.challenger_rows,
        access.fallback_rows,
        access.body_bytes,
    )


class AccessLog:
    """The access log of this process: `access-<pid>.jsonl` in a folder, rotated by size.

    A request only adds its line to a queue; a thread writes twice a second and more, the exit of the process the rest.
    A process that is killed loses what it had not written, half a second at most. Where the disk is full, scoring goes
    on: the lines are counted in `lost`, and the first failure of a series is reported.

    Attributes:
        lost: lines that could not be written.
    """

    def __init__(
        self,
        folder: Path,
        routes: Collection[str],
        *,
        max_bytes: int = 16 << 20,
        backups: int = 4,
        dead_files: int = 20,
    ) -> None:
        """Open the log and remove what long dead processes left.

        Args:
            folder: of all processes' files on this machine; a container has one of its own.
            routes: the templates of all routes.
            max_bytes: size at which a file is rotated.
            backups: rotated files that a process keeps.
            dead_files: files of dead processes that are kept.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        prune(folder, keep=dead_files)
        self.path = file_of(folder, os.getpid())
        self._routes = frozenset(routes)
        self._waiting: deque[str] = deque()
        self._file = LineFile(self.path, max_bytes, backups)
        self._refused = 0
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._write_regularly, name="access-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return self._refused + self._file.lost

    def write(self, access: Access) -> None:
        """Add a request; it is in the file half a second later at most. Raises like `line_of`."""
        line = line_of(access, self._routes)
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(line)
        else:
            self._refused += 1

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if lines:
                self._file.write(lines)

    def close(self) -> None:
        """Write the rest and let go of the file; safe to repeat."""
        atexit.unregister(self.close)
        self._closed.set()
        self._thread.join()
        self.flush()
        self._file.close()

    def _write_regularly(self) -> None:
        while not self._closed.wait(_FLUSH_SECONDS):
            self.flush()
