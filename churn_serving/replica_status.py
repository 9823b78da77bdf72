"""What each replica says of itself, as a small file: how a command outside learns that all have changed, or why not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from churn_assets.adapters.files import write_atomically
from churn_assets.domain.assignment import Arm

FRESH_S = 5.0


class Failure(msgspec.Struct, frozen=True):
    """Something that could not be taken over; what was before it goes on.

    Attributes:
        what: `configuration` or `online store`.
        name: number of the configuration, or the snapshot.
        reason: what is wrong and how to mend it.
        at: when, UTC, ISO 8601.
    """

    what: str
    name: str
    reason: str
    at: str


class ReplicaStatus(msgspec.Struct, frozen=True):
    """One replica.

    Attributes:
        pid: its process.
        arm: whose replica it is.
        asked: number of the newest configuration that it was asked to serve.
        in_force: number of the one that it serves; 0 for none.
        store: id of the snapshot that it reads, or an empty text.
        code: digest of the code that it runs.
        failures: what it could not take over, by what it is.
    """

    pid: int
    arm: Arm
    asked: int
    in_force: int
    store: str
    code: str
    failures: tuple[Failure, ...] = ()


class StatusFile:
    """The status of this process, fresh as long as `beat` is called."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}.json"
        self._written = b""

    def write(self, status: ReplicaStatus) -> None:
        """Write the status where it has changed, and show that the process lives."""
        content = msgspec.json.encode(status)
        if content != self._written or not self._path.exists():
            write_atomically(self._path, content)
            self._written = content
        else:
            os.utime(self._path)


def statuses(folder: Path) -> list[ReplicaStatus]:
    """Return the status of every replica that lives, and take the files of dead ones away."""
    found = []
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            fresh = time.time() - path.stat().st_mtime < FRESH_S
            if fresh and Path(f"/proc/{path.stem}").exists():
                found.append(msgspec.json.decode(path.read_bytes(), type=ReplicaStatus))
            elif not Path(f"/proc/{path.stem}").exists():
                path.unlink()
        except FileNotFoundError:
            continue
    return found
