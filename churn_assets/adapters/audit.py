"""The audit trail: an append-only file of records, each bound to the one before it by its hash.

One record a line, canonical JSON `{seq, prev, time, actor, action, subject, details}`; `prev` is the
SHA-256 of the line before, without its line feed. A second file `.head` remembers how far the trail went,
so that a changed or missing last record shows too. Whoever can write both files can still forge a whole
trail: against that helps only a witness outside. No personal data belongs in a record: pseudonyms,
versions, digests and reasons.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from json import loads
from pathlib import Path
from typing import Any

from churn_assets.adapters.audit_chain import (
    GENESIS,
    AuditError,
    Head,
    Record,
    Verification,
    against_head,
    canonical,
    digest_of,
    first_wrong,
    instant,
    parse,
    set_back,
)

__all__ = ["AuditError", "AuditLog", "Record", "Verification"]

_CHUNK = 4096


@dataclass(frozen=True)
class AuditLog:
    """The trail in one file; any number of processes may append and read at the same time."""

    path: Path

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, Any], at: datetime
    ) -> Record:
        """Write one record behind the last one and return it once it is on the disk.

        Raises:
            ValueError: the time has no zone, a name is empty, or the details are no plain JSON.
            AuditError: the trail ends torn (mend: `repair`), or its end was changed or cut off.
        """
        with self._locked(fcntl.LOCK_EX) as file:
            return self._append(file, actor, action, subject, details, at)

    def repair(self, actor: str, at: datetime) -> Record | None:
        """Cut off a last line that a crash left torn, and record that; None where nothing is torn."""
        with self._locked(fcntl.LOCK_EX) as file:
            content = _read(file)
            whole = content.rfind(b"\n") + 1
            torn = content[whole:]
            if not torn:
                return None
            os.ftruncate(file, whole)
            evidence = {"bytes": len(torn), "sha256": digest_of(torn)}
            return self._append(file, actor, "repair", "audit", evidence, at)

    def records(self) -> list[Record]:
        """Return all whole records, the oldest first; a torn last line is left to `verify`.

        Raises:
            AuditError: a line is no record.
        """
        lines, _, _ = self._content()
        return [parse(line, place) for place, line in enumerate(lines, start=1)]

    def verify(self) -> Verification:
        """Check every record, its place and its link, and that the trail goes as far as its head says."""
        lines, torn, head = self._content()
        wrong = first_wrong(lines) or against_head(lines, head)
        if wrong is not None:
            return wrong
        if torn:
            sentence = f"record {len(lines) + 1} is torn: a crash cut it off; repair the trail to go on"
            return Verification(ok=False, seq=len(lines) + 1, sentence=sentence)
        backward = set_back(lines)
        sentence = f"{len(lines)} records, all in place and each bound to the one before it"
        if backward:
            sentence += f"; the clock was set back before record {', '.join(map(str, backward))}"
        return Verification(ok=True, seq=len(lines), sentence=sentence, backward=backward)

    def _append(
        self, file: int, actor: str, action: str, subject: str, details: Mapping[str, Any], at: datetime
    ) -> Record:
        previous = self._last(file)
        record = Record(
            seq=1 if previous is None else previous.seq + 1,
            prev=GENESIS if previous is None else previous.digest,
            time=instant(at),
            actor=_named("actor", actor),
            action=_named("action", action),
            subject=_named("subject", subject),
            details=loads(canonical(details)),
        )
        _write(file, record.line + b"\n")
        self._remember(record)
        return record

    def _last(self, file: int) -> Record | None:
        """Return the last record, after a look at the head: a forged end must not be built upon.

        Raises:
            AuditError: the trail ends torn, or not where and as its head says.
        """
        line = _last_line(file)
        head = self._head()
        if line is None:
            if head is not None:
                raise AuditError(
                    f"the audit trail is empty but went to record {head.seq}: its records were cut off"
                )
            return None
        last = parse(line, "last")
        if head is None and last.seq == 1:
            head = Head(0, GENESIS)
        if head == Head(last.seq - 1, last.prev):  # a crash came between the record and its head
            self._remember(last)
        elif head != Head(last.seq, last.digest):
            raise AuditError(
                "the end of the audit trail was changed or cut off: `churn audit verify` says where"
            )
        return last

    def _remember(self, record: Record) -> None:
        """Replace the head once the record is safe, so that it is never ahead of the trail."""
        beside = self._head_path.with_suffix(".new")
        with beside.open("wb") as head:
            head.write(canonical({"seq": record.seq, "sha256": record.digest}) + b"\n")
            head.flush()
            os.fsync(head.fileno())
        beside.replace(self._head_path)

    def _head(self) -> Head | None:
        try:
            plain = loads(self._head_path.read_bytes())
            return Head(int(plain["seq"]), str(plain["sha256"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return Head(0, "")  # unreadable: fits no trail

    @property
    def _head_path(self) -> Path:
        return self.path.with_name(self.path.name + ".head")

    def _content(self) -> tuple[list[bytes], bytes, Head | None]:
        """Return the whole lines, what stands behind the last line feed, and the head, all of one moment."""
        if not self.path.exists():
            return [], b"", self._head()
        with self._locked(fcntl.LOCK_SH) as file:
            *lines, torn = _read(file).split(b"\n")
            return lines, torn, self._head()

    @contextmanager
    def _locked(self, lock: int) -> Iterator[int]:
        """Open and lock the file against other processes and threads; the lock goes with the descriptor."""
        if lock == fcntl.LOCK_EX:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        else:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, lock)
            yield file
        finally:
            os.close(file)


def _read(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as content:
        content.seek(0)
        return content.read()


def _last_line(file: int) -> bytes | None:
    """Return the last line without reading the whole file; None where it is empty.

    Raises:
        AuditError: the file does not end with a line feed.
    """
    size = os.fstat(file).st_size
    if size == 0:
        return None
    tail = b""
    while size and b"\n" not in tail[:-1]:
        step = min(_CHUNK, size)
        size -= step
        tail = os.pread(file, step, size) + tail
    if not tail.endswith(b"\n"):
        raise AuditError("the audit trail ends in a torn line, which a crash left: repair it to go on")
    return tail[:-1].rpartition(b"\n")[2]


def _write(file: int, line: bytes) -> None:
    """Append a line and see it on the disk; where that fails, nothing of it stays."""
    before = os.fstat(file).st_size
    try:
        rest = line
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise


def _named(what: str, name: str) -> str:
    if not name.strip():
        raise ValueError(f"an audit record needs an {what}: it is empty")
    return name
