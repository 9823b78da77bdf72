"""The records of the audit trail and what binds them: pure functions on lines of bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
"""What the first record names as the hash before it."""
_TYPES = {"seq": int, "prev": str, "time": str, "actor": str, "action": str, "subject": str, "details": dict}


class AuditError(RuntimeError):
    """The trail cannot be read or continued; the sentence says where and how to mend it."""


@dataclass(frozen=True)
class Record:
    """One entry of the trail.

    Attributes:
        seq: its place, from 1.
        prev: SHA-256 of the record before it.
        time: when it happened, UTC, as ISO 8601.
        actor: who did it: a person's or a job's name.
        action: what was done: a verb.
        subject: what it was done to, for example `champion/2025-03`.
        details: the evidence, plain JSON values.
    """

    seq: int
    prev: str
    time: str
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]

    @property
    def line(self) -> bytes:
        """The record as it stands in the file: canonical JSON (sorted keys, no blanks), no line feed."""
        return canonical({name: getattr(self, name) for name in _TYPES})

    @property
    def digest(self) -> str:
        """SHA-256 of the line."""
        return digest_of(self.line)


@dataclass(frozen=True)
class Head:
    """How far the trail went: the number and the SHA-256 of its last record."""

    seq: int
    digest: str


@dataclass(frozen=True)
class Verification:
    """What a check of the trail found.

    Attributes:
        ok: nothing was changed, taken out, put in or moved, as far as the trail itself can tell.
        seq: number of the last record, or of the first one that is wrong.
        sentence: the finding in words.
        backward: records whose time lies before that of the record before them: a clock was set back.
    """

    ok: bool
    seq: int
    sentence: str
    backward: tuple[int, ...] = field(default=())


def canonical(plain: Mapping[str, Any]) -> bytes:
    """Return the one way to write a mapping as JSON.

    Raises:
        ValueError: a value is no plain JSON (NaN and infinity are none).
    """
    try:
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"an audit record holds plain JSON only: {error}") from None


def digest_of(line: bytes) -> str:
    """Return the SHA-256 of a line, in hexadecimal digits."""
    return hashlib.sha256(line).hexdigest()


def instant(at: datetime) -> str:
    """Return an instant as the trail writes it.

    Raises:
        ValueError: it has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("an audit record needs an instant with a time zone, for example datetime.now(UTC)")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def parse(line: bytes, place: int | str) -> Record:
    """Read one line.

    Raises:
        AuditError: it is no record, or not written as one is.
    """
    try:
        plain = json.loads(line)
        if {name: type(value) for name, value in plain.items()} != _TYPES:
            raise ValueError("other fields")  # noqa: TRY301  one sentence for all that is no record
        record = Record(**plain)
        if record.line != line:
            raise ValueError("other bytes")  # noqa: TRY301
    except (ValueError, AttributeError, TypeError):
        raise AuditError(
            f"line {place} of the audit trail is no record: `churn audit verify` says more"
        ) from None
    return record


def first_wrong(lines: Sequence[bytes]) -> Verification | None:
    """Return the first record that was changed, taken out, put in or moved; None where the chain holds."""
    expected = GENESIS
    for place, line in enumerate(lines, start=1):
        try:
            record = parse(line, place)
        except AuditError:
            return _wrong(place, f"record {place} is no record any more: it was changed")
        if record.seq > place:
            return _wrong(place, f"record {place} is missing: record {record.seq} stands in its place")
        if record.seq < place:
            return _wrong(
                record.seq, f"record {record.seq} stands there twice or out of order, in place {place}"
            )
        if record.prev != expected:
            return _unbound(place)
        expected = digest_of(line)
    return None


def _unbound(place: int) -> Verification:
    """Blame the record before: its bytes are no longer what this one was bound to."""
    if place == 1:
        return _wrong(
            1, "record 1 does not begin the trail: it was changed, or what stood before it is missing"
        )
    return _wrong(place - 1, f"record {place - 1} is not what record {place} was bound to: it was changed")


def against_head(lines: Sequence[bytes], head: Head | None) -> Verification | None:
    """Compare a chain that holds with its head; None where they fit.

    The head is written after the record, so that after a crash it may be one behind.
    """
    count = len(lines)
    if head is None:
        return (
            None if count <= 1 else _wrong(count, "the head of the audit trail is missing: it was taken away")
        )
    if head.seq == 0:
        return _wrong(count, "the head of the audit trail is unreadable: it was changed")
    if head.seq > count:
        return _wrong(
            count + 1, f"record {count + 1} is missing: the trail went to {head.seq}, its end was cut off"
        )
    if head.seq < count - 1:
        return _wrong(head.seq + 1, f"records from {head.seq + 1} on were put in past the head of the trail")
    if digest_of(lines[head.seq - 1]) != head.digest:
        return _wrong(head.seq, f"record {head.seq} is not the one that was written: it was changed")
    return None


def set_back(lines: Sequence[bytes]) -> tuple[int, ...]:
    """Return the records whose time lies before that of the record before them."""
    times = [parse(line, place).time for place, line in enumerate(lines, start=1)]
    return tuple(place for place in range(2, len(times) + 1) if times[place - 1] < times[place - 2])


def _wrong(seq: int, sentence: str) -> Verification:
    return Verification(ok=False, seq=seq, sentence=sentence)
