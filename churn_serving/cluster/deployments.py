"""Champion and challenger as Ray Serve deployments, each with replicas, a version and a scale of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from abc import ABC, abstractmethod
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ray import serve
from ray.serve.handle import DeploymentHandle

from churn_assets.adapters.home import Home
from churn_assets.adapters.online_store import store_from
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.assignment import CHALLENGER, CHAMPION
from churn_assets.learning.inputs import Matrix
from churn_serving.access_log import AccessLog
from churn_serving.challenger import Challenger
from churn_serving.challenger_host import ChallengerHost
from churn_serving.cluster.arguments import CODE_VARIABLE, ReplicaArguments
from churn_serving.cluster.environment import RuntimeFolders
from churn_serving.cluster.loopback import keep_replica_on_loopback
from churn_serving.cluster.proxy_guard import guard_proxy
from churn_serving.configuration import Configuration
from churn_serving.door import ROUTES, Door
from churn_serving.exchange import Receive, Scope, Send
from churn_serving.history import ConfigurationHistory
from churn_serving.keeper import Keeper
from churn_serving.places import ServingPlaces
from churn_serving.proving import RefusedModel
from churn_serving.replica_status import ReplicaStatus, StatusFile
from churn_serving.row_channel import RowChannel, answer_rows
from churn_serving.security.key_file import KeyFile
from churn_serving.security.keys import KeyWatch
from churn_serving.security.limits import RateLimits
from churn_serving.service import ScoringService
from churn_serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_BEAT_S = 0.25


_DOORS: list[Door] = []
"""The door of this process. Ray mounts a copy of the application that it is given, so the copy looks here."""


class _Entrance:
    """The ASGI application that Ray mounts."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the replica's door."""
        await _DOORS[-1](scope, receive, send)


class ReplicaLink:
    """The challenger's replicas: over the machine's own channel where one is here, else behind a Ray handle."""

    def __init__(self, handle: DeploymentHandle[Any], channel: RowChannel) -> None:
        self._handle = handle
        self._channel = channel

    async def score(self, digest: str, rows: Matrix) -> list[float]:
        """Return the probabilities that the model with this digest gives."""
        if self._channel.in_use:
            found = await self._channel.ask(digest, rows.tobytes())
        else:
            found = await self._handle.score.remote(digest, rows.tobytes())
        probabilities: list[float] = np.frombuffer(found, dtype=np.float64).tolist()
        return probabilities

    async def reasons(self, digest: str, rows: Matrix) -> list[list[str]]:
        """Return the reasons that the model with this digest gives."""
        found: list[list[str]] = await self._handle.reasons.remote(digest, rows.tobytes())
        return found

    async def readiness(self, digest: str, number: int) -> str:
        """Return `ready`, `loading`, or why the model of a configuration was refused."""
        return str(await self._handle.readiness.remote(digest, number))


class _Replica(ABC):
    """What the replicas of both arms share: their places, their counters, their status."""

    def __init__(self, arguments: ReplicaArguments) -> None:
        keep_replica_on_loopback()
        # LightGBM imports scikit-learn where it can, for wrappers that scoring has no use for: a second of each
        # start. `import` reads None as: not installed.
        sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
        logging.getLogger("churn_serving").setLevel(logging.INFO)
        self._settings: ServingSettings = arguments.settings
        self._code = os.environ.get(CODE_VARIABLE, "")
        home = Home(Path(arguments.home))
        self._places = ServingPlaces(home)
        self._telemetry = Telemetry(self._places.metrics)
        self._store = store_from(self._settings.online_store_url, home)
        self._status_file = StatusFile(self._places.replicas)
        self._rows = RuntimeFolders.of(self._places).rows
        self._tasks: set[asyncio.Task[None]] = set()

    def _start(self, work: Any) -> None:  # noqa: ANN401  a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a task of the replica ended: %s; the process ends too and is replaced", error)
            os._exit(1)

    async def _beat(self) -> None:
        """Say every moment how the replica is."""
        while True:
            self._status_file.write(self._status())
            await asyncio.sleep(_BEAT_S)

    @abstractmethod
    def _status(self) -> ReplicaStatus:
        """Return what the replica says of itself now."""


class ChallengerReplica(_Replica):
    """Scores what the router gives to the challenger."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        super().__init__(ReplicaArguments.from_plain(arguments))
        self._host = ChallengerHost(self._places, self._store, self._telemetry)
        self._beating = False

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Begin to load the challenger of a configuration; never fails."""
        if not self._beating:
            self._beating = True
            self._server = await answer_rows(self._rows, self._host.score)
            self._start(self._beat())
        self._start(self._host.take(Configuration.from_plain(user_config["configuration"])))

    async def score(self, digest: str, rows: bytes) -> bytes:
        """See `ChallengerHost.score`."""
        return self._host.score(digest, rows)

    async def reasons(self, digest: str, rows: bytes) -> list[list[str]]:
        """See `ChallengerHost.reasons`."""
        return await self._host.reasons(digest, rows)

    async def readiness(self, digest: str, number: int) -> str:
        """See `ChallengerHost.readiness`."""
        return self._host.readiness(digest, number)

    def _status(self) -> ReplicaStatus:
        failures = tuple(self._host.failures.values())
        return ReplicaStatus(
            os.getpid(), CHALLENGER, self._host.asked, self._host.in_force, "", self._code, failures
        )


class ChampionReplica(_Replica):
    """Takes the requests, scores the champion's arm in its own process, and asks the challenger for the other."""

    def __init__(self, arguments: dict[str, Any], challenger: DeploymentHandle[Any]) -> None:
        super().__init__(ReplicaArguments.from_plain(arguments))
        self._channel = RowChannel(self._rows)
        self._challenger = Challenger(
            ReplicaLink(challenger, self._channel),
            self._settings.challenger_timeout_ms / 1_000,
            self._telemetry.breaker.set,
        )
        self._service = ScoringService(self._challenger, self._telemetry, self._settings)
        self._keeper = Keeper(
            self._places, self._store, self._service, self._challenger, self._telemetry, self._settings
        )
        self._begun = False
        _DOORS.append(
            Door(
                self._service,
                self._keeper,
                self._telemetry,
                KeyWatch(KeyFile(self._places.api_keys)),
                RateLimits(self._places.limits),
                AccessLog(self._places.logs, ROUTES),
                self._settings,
                version("churn-platform"),
            )
        )

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take the first configuration over before any request; let later ones be made ready beside.

        Raises:
            RefusedModel: neither the first one nor the one that was served last can be served.
        """
        configuration = Configuration.from_plain(user_config["configuration"])
        if self._begun:
            self._keeper.ask(configuration)
            return
        await self._channel.look()
        await self._begin(configuration)
        self._begun = True
        self._start(self._channel.watch())
        self._start(self._keeper.watch())
        self._start(self._beat())
        self._start(guard_proxy(self._settings.host, self._settings.port, self._telemetry.proxy_revivals.inc))

    async def _begin(self, configuration: Configuration) -> None:
        try:
            await self._keeper.begin(configuration)
        except RefusedModel as refused:
            last = ConfigurationHistory(self._places.configurations).served()
            if last is None or last.number == configuration.number:
                self._status_file.write(self._status())
                raise
            await self._keeper.begin(last)
            self._keeper.asked = configuration.number
            self._keeper.refuse(configuration.number, str(refused))

    def _status(self) -> ReplicaStatus:
        force = self._service.force
        return ReplicaStatus(
            os.getpid(),
            CHAMPION,
            self._keeper.asked,
            force.served.configuration.number if force else 0,
            force.store.snapshot.manifest.snapshot_id if force and force.store else "",
            self._code,
            tuple(self._keeper.failures.values()),
        )


CHAMPION_DEPLOYMENT: Any = serve.deployment(serve.ingress(_Entrance())(ChampionReplica))
CHALLENGER_DEPLOYMENT: Any = serve.deployment(ChallengerReplica)
