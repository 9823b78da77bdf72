"""Calls ports of this machine by gRPC, in a process of its own: a process that has used gRPC keeps threads elsewhere.

Those threads would stay in the network that they were started in, and not see the one that the tests moved into.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[3]
_WITHIN_S = 3.0


class Call(NamedTuple):
    """One call with an empty message: where, what, and with which token."""

    port: int
    method: str
    token: str | None = None


def statuses_of(calls: Sequence[Call]) -> list[str]:
    """Make the calls; return the name of the status of each."""
    done = subprocess.run(
        [sys.executable, "-m", "churn_tests.serving.cluster.grpc_calls"],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
        cwd=_ROOT,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def _status_of(call: Call) -> str:
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415  see the module

    metadata = (("authorization", f"Bearer {call.token}"),) if call.token else ()
    with grpc.insecure_channel(f"127.0.0.1:{call.port}") as channel:
        try:
            channel.unary_unary(call.method)(b"", timeout=_WITHIN_S, metadata=metadata)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def main() -> None:
    """Read calls as JSON, write their statuses."""
    json.dump([_status_of(Call(*call)) for call in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
