"""A client that sends whatever bytes it is given, and reads what comes back."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

HOST = "127.0.0.1"
PATIENCE_S = 15.0
SILENCE_S = 0.05
"""Whoever has answered and is silent for so long has no more to say."""


@dataclass(frozen=True)
class Reply:
    """One answer: its status, its head as it came, its body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return None


class Line:
    """A connection that is kept alive, and opened anew where the server has closed it.

    Args:
        port: of the service on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, payload: bytes, *, head: bool = False) -> Reply | None:
        """Send a request and return its answer, None where the connection was closed without one.

        Args:
            payload: all bytes of the request.
            head: whether it is a HEAD, whose answer has no body.
        """
        reply = None
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = self._streams or await asyncio.open_connection(HOST, self._port)
            self._streams = reader, writer
            with contextlib.suppress(ConnectionError):
                writer.write(payload)
                await writer.drain()
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                reply = await _reply(reader, head=head)
        if reply is None or (reply.header("connection") or "").lower() == "close":
            self.close()
        return reply

    async def tell(self, *parts: bytes, pause_s: float = 0.0) -> list[Reply]:
        """Send bytes on a connection of their own; return all answers until the server closes it or is silent.

        Args:
            parts: what is sent one after the other.
            pause_s: between the parts.
        """
        replies: list[Reply] = []
        reader, writer = await asyncio.open_connection(HOST, self._port)
        talking = asyncio.ensure_future(_talk(writer, parts, pause_s))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while True:
                async with asyncio.timeout(SILENCE_S if replies else PATIENCE_S):
                    replies.append(await _reply(reader, head=False))
        talking.cancel()
        writer.close()
        return replies

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _talk(writer: asyncio.StreamWriter, parts: tuple[bytes, ...], pause_s: float) -> None:
    with contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)


async def _reply(reader: asyncio.StreamReader, *, head: bool) -> Reply:
    start = b"HTTP/1.1 100"
    while start.startswith(b"HTTP/1.1 1"):  # what follows is the answer
        start = await reader.readuntil(b"\r\n\r\n")
    reply = Reply(int(start.split(b" ", 2)[1]), start, b"")
    length = int(reply.header("content-length") or 0)
    return reply if head else Reply(reply.status, start, await reader.readexactly(length))
