"""A keeper at work: asked for configurations, watching for snapshots, saying how it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from churn_serving.configuration import Configuration, ServedModel
from churn_tests.serving.event_loop import until
from churn_tests.serving.stand import Stand

FAILED = "churn_reload_failures_total"


@asynccontextmanager
async def watching(stand: Stand) -> AsyncIterator[None]:
    """Let a keeper look for snapshots meanwhile, as a replica does."""
    task = asyncio.get_running_loop().create_task(stand.keeper.watch())
    try:
        yield
        assert not task.done(), "the watch has ended"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def asked(stand: Stand, configuration: Configuration) -> None:
    """Ask both arms for a configuration, and wait until it is taken or refused."""
    await stand.host.take(configuration)
    stand.keeper.ask(configuration)
    await until(lambda: not stand.keeper._tasks)


def report(stand: Stand) -> dict[str, Any]:
    """Return what `/ready` says."""
    return stand.keeper.report()[1]


def champion(stand: Stand, model: ServedModel, number: int) -> Configuration:
    """Return a configuration with another champion and no trial."""
    return msgspec.structs.replace(stand.configuration(number), champion=model)
