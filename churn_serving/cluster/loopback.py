"""Keeps what Ray opens on the loopback interface where the node is this machine alone.

Ray 2.60 turns a node address of 127.0.0.1 into the machine's outer one, and lets every Serve replica open its gRPC port
on all interfaces. Both are one function each; a node with another address is left as Ray has it, behind its token.
"""

from __future__ import annotations

import importlib
from typing import Any

LOOPBACK = "127.0.0.1"
_ANY_PORT_ON_ALL = "[::]:0"


def keep_node_on_loopback() -> None:
    """Let `ray.init(_node_ip_address="127.0.0.1")` mean what it says; for the process that starts the node."""
    from ray._private import services  # noqa: PLC0415  Ray is slow to import

    services.resolve_ip_for_localhost = lambda host: host


def keep_replica_on_loopback() -> None:
    """Let this replica's gRPC port listen where its node does; to be called in the replica's constructor."""
    import ray  # noqa: PLC0415  likewise

    replica: Any = importlib.import_module("ray.serve._private.replica")
    if ray.util.get_node_ip_address() != LOOPBACK:
        return
    opened = replica.add_port_to_grpc_server

    def on_loopback(server: object, address: str) -> int:
        return int(opened(server, f"{LOOPBACK}:0" if address == _ANY_PORT_ON_ALL else address))

    replica.add_port_to_grpc_server = on_loopback
