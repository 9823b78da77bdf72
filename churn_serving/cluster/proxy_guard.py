"""Notices within half a second that HAProxy is dead, and has it started again.

Ray's controller asks HAProxy's manager for its health only every few seconds and takes three failures to replace it. A
replica that finds the port closed lets the manager start its HAProxy anew, with the configuration that it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.25
_CONNECT_WITHIN_S = 1.0
_REVIVE_WITHIN_S = 5.0
_NAMESPACE = "serve"
_MANAGER = "SERVE_PROXY_ACTOR-"
_FALLBACK = "SERVE_PROXY_ACTOR-fallback-"


async def guard_proxy(host: str, port: int, on_revival: Callable[[], object]) -> None:
    """Look for ever whether HAProxy takes connections."""
    there = False
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if await _listens(host, port):
            there = True
        elif there and await _revive():
            on_revival()


async def _listens(host: str, port: int) -> bool:
    """Tell whether the port is open; only a refusal says that nobody listens."""
    try:
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return False
    except (TimeoutError, OSError):
        return True  # busy, not dead
    writer.close()
    return True


async def _revive() -> bool:
    """Let the node's HAProxy manager start its process again; tell whether it did."""
    import ray  # noqa: PLC0415  known where this runs, not where it is tested

    names = [
        str(actor["name"])
        for actor in ray.util.list_named_actors(all_namespaces=True)
        if str(actor["name"]).startswith(_MANAGER) and not str(actor["name"]).startswith(_FALLBACK)
    ]
    revived = False
    for name in names:
        try:
            manager = ray.get_actor(name, namespace=_NAMESPACE)
            async with asyncio.timeout(_REVIVE_WITHIN_S):
                revived |= bool(await manager.__ray_call__.remote(start_again))
        except Exception as error:  # noqa: BLE001  the manager itself may be dead: Ray's controller replaces it then
            _LOG.warning("HAProxy's manager does not answer: %s", type(error).__name__)
    if revived:
        _LOG.error("HAProxy was dead and is started again")
    return revived


def start_again(manager: Any) -> bool:  # noqa: ANN401  Ray's own actor
    """Start HAProxy in its manager where it does not run; runs inside that actor."""
    haproxy = manager._haproxy  # noqa: SLF001  Ray offers no other way in
    starting = getattr(manager, "_churn_starting", None)
    if haproxy._is_running() or (starting is not None and not starting.done()):  # noqa: SLF001
        return False
    manager._churn_starting = manager.event_loop.create_task(haproxy.start())  # noqa: SLF001
    return True
