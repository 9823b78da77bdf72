"""A server's tree of processes: who belongs to it, how much memory it holds, and that nothing of it outlives a run.

A tree is found from its root by parents, and by a mark in the environment that children inherit: a daemon whose parent
has gone is still found. Linux's `/proc` is read directly.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MARK = "BENCHMARK_SERVER"  # a name with CHURN_ would be a setting of ours


@dataclass(frozen=True)
class Process:
    """One process; the clock tick of its start tells it from a later one with the same number."""

    pid: int
    parent: int
    started: int


@dataclass(frozen=True)
class Memory:
    """What a tree of processes holds: `rss` counts shared pages in each process, `uss` only what is each one's own."""

    processes: int
    rss_mib: float
    uss_mib: float


def tree(root: int, mark: str) -> list[Process]:
    """Return the processes of a server that live now."""
    living = {process.pid: process for process in _living()}
    members = {pid for pid in living if pid == root or _carries(pid, mark)}
    while grown := {pid for pid, each in living.items() if each.parent in members} - members:
        members |= grown
    return [living[pid] for pid in sorted(members)]


def memory(processes: list[Process]) -> Memory:
    """Return what the processes hold now; one that has just ended holds nothing."""
    rss = uss = 0
    for process in processes:
        for line in _read(process.pid, "smaps_rollup").splitlines():
            name, _, value = line.partition(b":")
            kib = int(value.split()[0]) if value.endswith(b"kB") else 0
            rss += kib * (name == b"Rss")
            uss += kib * (name in {b"Private_Clean", b"Private_Dirty"})
    return Memory(len(processes), rss / 1_024, uss / 1_024)


def kill(processes: list[Process], patience: float = 5.0) -> None:
    """Kill processes that still live, and wait until they are gone or a parent of theirs has to reap them."""
    for process in processes:
        if _status(process.pid) == process:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    deadline = time.monotonic() + patience
    while any(_status(each.pid) == each for each in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _living() -> Iterator[Process]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (process := _status(int(entry.name))) is not None:
            yield process


def _status(pid: int) -> Process | None:
    """Return a process, or None where it has ended; one that is only not reaped has ended."""
    written = _read(pid, "stat")
    if not written:
        return None
    state, parent, *rest = written[written.rindex(b")") + 1 :].split()  # a name may hold blanks and brackets
    return None if state in {b"Z", b"X"} else Process(pid, int(parent), int(rest[17]))


def _carries(pid: int, mark: str) -> bool:
    return f"{MARK}={mark}".encode() in _read(pid, "environ").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    """Return a file of a process; nothing where it has ended or is another user's."""
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""
