"""A network of the tests' own: nothing that a Ray cluster opens there can be reached from anywhere else."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of <sched.h>
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS of <linux/sockios.h>
_UP = 1  # IFF_UP of <linux/if.h>


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
            _bring_loopback_up()
            yield True
        finally:
            libc.setns(before, _NEW_NETWORK)
    finally:
        os.close(before)


def _bring_loopback_up() -> None:
    """Do what `ip link set lo up` does, which a small machine lacks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
