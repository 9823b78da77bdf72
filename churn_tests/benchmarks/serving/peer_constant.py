"""A counterpart that costs next to nothing: always the same short answer. Measures the generator, not a service."""

from __future__ import annotations

import argparse
import asyncio
from typing import cast

from churn_tests.benchmarks.serving.sender import HOST

BODY = b'{"customer_id":1,"churn_probability":0.5}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class Constant(asyncio.Protocol):
    """Answers each write of the client: its requests arrive whole, as they are smaller than a segment here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer without looking."""
        del data
        self._transport.write(ANSWER)


async def serve(port: int) -> None:
    """Answer until the process ends."""
    server = await asyncio.get_running_loop().create_server(Constant, HOST, port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve on a port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    import uvloop  # noqa: PLC0415  the counterpart is to be fast, and nothing without

    uvloop.run(serve(asked.port))


if __name__ == "__main__":
    main()
