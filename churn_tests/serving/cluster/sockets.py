"""Which sockets the processes of a service listen on, read from the kernel's tables in their network namespace."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from churn_tests.benchmarks.serving.processes import Process

_LISTENING = "0A"
_INODE = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True)
class Listener:
    """A TCP socket that takes connections, and the command of a process that holds it."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    command: str

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        mapped = getattr(self.address, "ipv4_mapped", None)
        return (mapped or self.address).is_loopback


def listeners(processes: Iterable[Process]) -> list[Listener]:
    """Return what the processes listen on; all of them are in the first one's network namespace."""
    members = list(processes)
    owners = {inode: pid for process in members for pid in (process.pid,) for inode in _sockets(pid)}
    return [
        Listener(address, port, _command(owners[inode]))
        for address, port, inode in _listening(members[0].pid)
        if inode in owners
    ]


def _listening(pid: int) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int, str]]:
    """Yield address, port and inode of every listening socket in the namespace of a process."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENING:
                address, _, port = words[1].partition(":")
                yield _address(address), int(port, 16), words[9]


def _address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address as the kernel writes it: words of 32 bits in the order of the machine."""
    words = [bytes.fromhex(written[start : start + 8])[::-1] for start in range(0, len(written), 8)]
    return ipaddress.ip_address(b"".join(words))


def _sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process holds."""
    found = set()
    try:
        for path in Path(f"/proc/{pid}/fd").iterdir():
            if match := _INODE.match(str(path.readlink())):
                found.add(match[1])
    except OSError:  # it, or the file, is gone
        return found
    return found


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
