"""The files of the access log: rotated by size, written in whole lines, pruned when their processes are dead."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

_LOG = logging.getLogger(__name__)
_FILE = re.compile(r"access-(\d+)\.jsonl(?:\.\d+)?")


def file_of(folder: Path, pid: int) -> Path:
    """Return the file that a process writes; rotated ones get `.1`, `.2` and so on behind it."""
    return folder / f"access-{pid}.jsonl"


class LineFile(RotatingFileHandler):
    """A rotated file that takes many lines in one write: all of them or none, counting those that it lost."""

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8")
        self.lost = 0
        self._failing = False

    def write(self, lines: list[str]) -> None:
        """Append lines, to a new file where this one would grow too long."""
        content = "".join(lines).encode("utf-8")
        try:
            self._append(content)
        except OSError as error:
            self.lost += len(lines)
            if not self._failing:
                _LOG.error(
                    "the access log %s cannot be written, requests go unlogged: %s", self.baseFilename, error
                )
            self._failing = True
        else:
            self._failing = False

    def _append(self, content: bytes) -> None:
        file = self._descriptor()
        size = os.fstat(file).st_size
        if size and size + len(content) > self.maxBytes:
            self.doRollover()
            file, size = self._descriptor(), 0
        try:
            rest = content
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.ftruncate(file, size)
            raise

    def _descriptor(self) -> int:
        if self.stream is None:  # a failed rotation closed it
            self.stream = self._open()
        return self.stream.fileno()


def prune(folder: Path, keep: int, is_alive: Callable[[int], bool] | None = None) -> list[Path]:
    """Remove the oldest files of dead processes beyond a count, so that restarts do not fill the disk.

    Args:
        folder: the folder of the logs.
        keep: files of dead processes that stay, the newest.
        is_alive: whether a process of this number runs; by default the system is asked.

    Returns:
        The removed files.
    """
    asked = is_alive or _runs
    dead = []
    for path in folder.iterdir():
        name = _FILE.fullmatch(path.name)
        if name is not None and not asked(int(name[1])):
            dead.append((_modified(path), path))
    removed = [path for _, path in sorted(dead, reverse=True)[keep:]]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process prunes too
        return 0.0


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
