"""Rows to the challenger and probabilities back, over a socket file of this machine.

A handle of Ray Serve takes milliseconds a question on two cores; this takes tenths of one (ADR 9), and a challenger that
dies is known in the same moment, because its connection breaks. Where no replica of the challenger lives on the machine
the handle is the way.

A question is `length, number, digest (64 bytes), rows`, an answer `length, number, kind, probabilities or nothing`; both
little endian, the length counting what follows it. Nobody but the user who runs the service can open the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import cast

from churn_serving.challenger import WrongModel

_LENGTH = struct.Struct("<I")
_NUMBER = struct.Struct("<I")
_DIGEST_BYTES = 64
_LONGEST = 16 << 20
_LOOK_EVERY_S = 0.25
_AWAITED_S = 30.0
_GIVEN, _OTHER_MODEL, _FAILED = b"\x00", b"\x01", b"\x02"
Answerer = Callable[[str, bytes], bytes]


class _Frames(asyncio.Protocol, ABC):
    """Cuts what arrives into frames."""

    def __init__(self) -> None:
        self._received = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one, but does not say so

    def data_received(self, data: bytes) -> None:
        """Take bytes, hand on the frames that are whole."""
        self._received += data
        start = 0
        while len(self._received) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received, start)
            if length > _LONGEST:
                self.close()
                return
            end = start + _LENGTH.size + length
            if len(self._received) < end:
                break
            self.frame(bytes(self._received[start + _LENGTH.size : end]))
            start = end
        del self._received[:start]

    @abstractmethod
    def frame(self, content: bytes) -> None:
        """Take a frame without its length."""

    def send(self, content: bytes) -> None:
        """Send a frame."""
        if self.transport is not None:
            self.transport.write(_LENGTH.pack(len(content)) + content)

    def close(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.close()


class _Answering(_Frames):
    """The challenger's end."""

    def __init__(self, answer: Answerer) -> None:
        super().__init__()
        self._answer = answer

    def frame(self, content: bytes) -> None:
        """Answer a question."""
        number = content[: _NUMBER.size]
        digest = content[_NUMBER.size : _NUMBER.size + _DIGEST_BYTES].decode("latin-1")
        try:
            self.send(number + _GIVEN + self._answer(digest, content[_NUMBER.size + _DIGEST_BYTES :]))
        except WrongModel:
            self.send(number + _OTHER_MODEL)
        except Exception:  # noqa: BLE001  whatever the model raised, the champion answers
            self.send(number + _FAILED)


class _Asking(_Frames):
    """The champion's end: questions under way by number."""

    def __init__(self, on_lost: Callable[[], object]) -> None:
        super().__init__()
        self._on_lost = on_lost
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    async def ask(self, digest: str, rows: bytes) -> bytes:
        """Return the answer to a question.

        Raises:
            ConnectionError: the challenger's replica died.
            WrongModel: it holds another model.
        """
        number = next(self._numbers) & 0xFFFFFFFF
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self.send(_NUMBER.pack(number) + digest.encode("latin-1") + rows)
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    def frame(self, content: bytes) -> None:
        """Give an answer to whom it belongs."""
        (number,) = _NUMBER.unpack_from(content)
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return  # nobody waits for it any more
        kind = content[_NUMBER.size : _NUMBER.size + 1]
        if kind == _GIVEN:
            answer.set_result(content[_NUMBER.size + 1 :])
        elif kind == _OTHER_MODEL:
            answer.set_exception(WrongModel("another model is loaded there"))
        else:
            answer.set_exception(ConnectionError("the challenger could not score"))

    def connection_lost(self, _: Exception | None) -> None:
        """Let all who wait know."""
        self.transport = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the challenger's replica died"))
        self._on_lost()


async def answer_rows(folder: Path, answer: Answerer) -> asyncio.Server:
    """Open this process's socket file and answer on it."""
    path = _socket_file(folder)
    return await asyncio.get_running_loop().create_unix_server(lambda: _Answering(answer), str(path))


def _socket_file(folder: Path) -> Path:
    """Return where this process's socket file goes, with none of a former process in its place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}.sock"
    path.unlink(missing_ok=True)
    return path


class RowChannel:
    """Connections to all of the challenger's replicas on this machine, asked in turn.

    Args:
        folder: of their socket files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connections: dict[str, _Asking] = {}
        self._turn = 0
        self._last_there = float("-inf")

    @property
    def in_use(self) -> bool:
        """Whether the challenger lives on this machine: a replica is there, or was until a moment ago."""
        return bool(self._connections) or time.monotonic() - self._last_there < _AWAITED_S

    async def ask(self, digest: str, rows: bytes) -> bytes:
        """Return what the next replica in turn answers.

        Raises:
            ConnectionError: none is there, or it died.
            WrongModel: it holds another model.
        """
        if not self._connections:
            raise ConnectionError("no replica of the challenger is on this machine")
        self._turn += 1
        connections = list(self._connections.values())
        return await connections[self._turn % len(connections)].ask(digest, rows)

    async def watch(self) -> None:
        """Connect to replicas as they come, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Connect to the replicas that are there; take the files of dead ones away."""
        for path in self._unconnected():
            try:
                await self._connect(path)
            except ConnectionRefusedError:
                _remove_if_dead(path)
            except OSError:
                continue

    def _unconnected(self) -> list[Path]:
        return [path for path in self._folder.glob("*.sock") if path.name not in self._connections]

    async def _connect(self, path: Path) -> None:
        def lost() -> None:
            self._connections.pop(path.name, None)
            self._last_there = time.monotonic()

        _, connection = await asyncio.get_running_loop().create_unix_connection(
            lambda: _Asking(lost), str(path)
        )
        self._connections[path.name] = connection

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._connections.values()):
            with contextlib.suppress(OSError):
                connection.close()


def _remove_if_dead(path: Path) -> None:
    """Take a socket file away whose process is gone."""
    if not Path(f"/proc/{path.stem}").exists():
        path.unlink(missing_ok=True)
