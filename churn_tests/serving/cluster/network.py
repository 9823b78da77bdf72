"""A network of the tests' own: nothing that a Ray cluster opens there can be reached from anywhere else."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of <sched.h>


@contextmanager
def own_network() -> Iterator[bool]:
    """Move this thread, and the processes that it starts, into a network namespace with nothing but loopback.

    Yields:
        Whether the machine allows that; where it does not, the tests run on the machine's own loopback.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_NEW_NETWORK):
            yield False
            return
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield True
        finally:
            libc.setns(before, _NEW_NETWORK)
    finally:
        os.close(before)
