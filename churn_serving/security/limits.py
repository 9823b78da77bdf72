"""The rate limit of each key, exact over all processes of a machine.

The rule is the generic cell rate algorithm in its form of virtual scheduling (ITU-T Recommendation I.371, annex A):
a key's whole state is one number, the theoretical arrival time (TAT) of its next request. It equals a token bucket
that holds `burst` customers and fills with `rate` customers a second, without a bucket that somebody must fill.

The numbers lie in one small file that all replicas map into their memory; a lock on the bytes of a key's number
surrounds each change, so that two replicas can never give the same customer away twice, and keys do not wait for
each other. The lock is the system's (`fcntl`): it goes with a process that is killed.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

_MAGIC = b"churnGC1"
_HEADER = struct.Struct("=8sQ")
"""Stands in the place of slot 0: what kind of file this is, and how many slots are taken."""
_SLOT = 32
"""Bytes of a slot: the TAT (a float64, 0.0 at first), then the key's id, filled up with zeros."""
_TIME = 8
_ID = _SLOT - _TIME
_DOUBLES = _SLOT // _TIME
_GROWTH = 4096
_CLOCK_SET_BACK = 1.0
"""Seconds. A TAT further ahead than `burst` customers explain, and by more than this, comes from another clock (the
one before a reboot, say). Smaller ones are replicas that took the time in one order and the lock in the other."""
_ROUNDING = 1e-9
"""Seconds: who waits as long as they were told must not be refused for the last bit of a float."""


class Limited(Protocol):
    """What a limit needs to know of a key; `ApiKey` is one."""

    @property
    def id(self) -> str:
        """Its id: at most 24 ASCII characters."""

    @property
    def rate_per_second(self) -> float:
        """Customers a second in the long run; 0 is without limit."""

    @property
    def burst(self) -> int:
        """Customers at once."""


class LimitFileError(ValueError):
    """The file of the limits cannot be used; the sentence says why and how to mend it."""


def schedule(tat: float, now: float, needs: float, holds: float) -> tuple[float, float]:
    """Decide about one request by the generic cell rate algorithm.

    Args:
        tat: the key's theoretical arrival time (seconds of the same clock as `now`).
        now: the moment of the request, seconds.
        needs: how long the rate takes to earn what the request costs: cost / rate, seconds.
        holds: how long it takes to earn what may come at once: burst / rate, seconds; at least `needs`.

    Returns:
        The new TAT, and the seconds to wait until the same request would be admitted; 0 where it is.
    """
    latest = now + holds
    if not tat <= latest + _CLOCK_SET_BACK:  # not a number, too, is no time
        tat = latest
    after = max(tat, now) + needs
    wait = after - latest
    return (after, 0.0) if wait <= _ROUNDING else (tat, wait)


class RateLimits:
    """The limits of all keys, shared by every process that opens the same file; one a process.

    Each key has a slot of its own, found by its whole id, so that no two keys share a number. A slot is given at a
    key's first request and never again to another: the file grows by 32 bytes for each key ever used.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it (mode 0600).

        It must not be removed while a service runs: a replica started later would count in a new one.

        Raises:
            LimitFileError: the file is no file of limits.
            OSError: it cannot be opened.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._threads = threading.Lock()  # the file's lock is the process's: it does not keep threads apart
        self._slots: dict[str, int] = {}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with self._locked(0, _HEADER.size):
                self._prepare()
        except BaseException:
            os.close(self._file)
            raise

    def admit(self, key: Limited, now: float, cost: int = 1) -> float:
        """Take what a request costs from the key's allowance, if it is there.

        Args:
            key: whose request it is; one without limit costs nothing, no lock either.
            now: seconds of `time.monotonic`, which all processes of a machine share.
            cost: customers that the request asks about.

        Returns:
            Seconds to wait before asking again: 0 if admitted, infinity if the cost is more than the key's burst,
            so that it can never be.

        Raises:
            ValueError: the cost is negative.
            LimitFileError: the key's id is too long.
        """
        rate = key.rate_per_second
        if cost < 0:
            raise ValueError("a request cannot cost less than nothing")
        if rate == 0:
            return 0.0
        if cost > key.burst:
            return math.inf
        slot = self._slots.get(key.id) or self._slot_of(key.id)
        place = slot * _DOUBLES
        with self._locked(slot * _SLOT, _TIME):
            before = self._times[place]
            after, wait = schedule(before, now, cost / rate, key.burst / rate)
            if after != before:
                self._times[place] = after
        return wait

    def close(self) -> None:
        """Let go of the file; the limits stay in it. Safe to repeat."""
        if not self._map_of_file.closed:
            self._unmap()
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _slot_of(self, key_id: str) -> int:
        """Look for a key's slot among those that other processes gave, else give it one."""
        name = key_id.encode("ascii")
        if not 0 < len(name) <= _ID or b"\0" in name:
            raise LimitFileError(f"a key's id has 1 to {_ID} characters")
        with self._locked(0, _HEADER.size):
            self._map()
            taken = _HEADER.unpack_from(self._map_of_file)[1]
            self._slots = {self._name_in(slot): slot for slot in range(1, taken + 1)}
            if key_id not in self._slots:
                self._slots[key_id] = self._give(taken + 1, name)
        return self._slots[key_id]

    def _give(self, slot: int, name: bytes) -> int:
        """Write a slot, then count it: one that a killed process left half written does not count."""
        start = slot * _SLOT
        if start + _SLOT > len(self._map_of_file):
            self._grow(b"", len(self._map_of_file))
            self._map()
        self._map_of_file[start : start + _SLOT] = bytes(_TIME) + name.ljust(_ID, b"\0")
        _HEADER.pack_into(self._map_of_file, 0, _MAGIC, slot)
        return slot

    def _name_in(self, slot: int) -> str:
        start = slot * _SLOT + _TIME
        return self._map_of_file[start : start + _ID].rstrip(b"\0").decode("ascii", "replace")

    def _prepare(self) -> None:
        size = os.fstat(self._file).st_size
        if size == 0:
            self._grow(_HEADER.pack(_MAGIC, 0), size)
        elif size % _GROWTH or os.pread(self._file, len(_MAGIC), 0) != _MAGIC:
            mend = "stop the service and remove it; the limits then start anew"
            raise LimitFileError(f"{self._path} is no file of rate limits: {mend}")
        self._map_of_file = mmap.mmap(self._file, 0)
        self._times = memoryview(self._map_of_file).cast("d")

    def _grow(self, content: bytes, end: int) -> None:
        """Make the file longer by written zeros: a hole in it would kill the process where the disk is full."""
        os.pwrite(self._file, content.ljust(_GROWTH, b"\0"), end)

    def _map(self) -> None:
        """Map the whole file, which another process may have made longer."""
        if len(self._map_of_file) != os.fstat(self._file).st_size:
            self._unmap()
            self._map_of_file = mmap.mmap(self._file, 0)
            self._times = memoryview(self._map_of_file).cast("d")

    def _unmap(self) -> None:
        self._times.release()
        self._map_of_file.close()

    @contextmanager
    def _locked(self, start: int, length: int) -> Iterator[None]:
        """Keep other threads and processes away from some bytes of the file."""
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX, length, start)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, length, start)
