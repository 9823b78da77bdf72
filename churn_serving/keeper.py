"""Keeps a champion's replica up to date: new configurations and snapshots are made ready beside, then swapped in.

Nothing here is on a request's path. What cannot be taken over leaves what is in force, and is said in `/ready`, in the
metrics and in the replica's status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from churn_assets.adapters.online_store import OnlineSnapshot, OnlineStore, OnlineStoreError
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.assignment import CHAMPION
from churn_serving.assembly import assemble, golden_of
from churn_serving.challenger import Challenger
from churn_serving.configuration import Configuration
from churn_serving.failures import CONFIGURATION, STORE, Failures
from churn_serving.inputs import InputsError
from churn_serving.places import ServingPlaces
from churn_serving.proving import RefusedModel, UnfitSnapshot
from churn_serving.readiness import report_of
from churn_serving.replica_status import Failure
from churn_serving.service import ScoringService
from churn_serving.state import InForce, Served, StoreView
from churn_serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.5
_CLOSE_AFTER_S = 10.0
_CHALLENGER_WITHIN_S = 30.0


class Keeper:
    """Makes ready and swaps.

    Args:
        places: where models lie.
        store: the online store.
        service: what answers.
        challenger: who must hold a new challenger before it is asked.
        telemetry: where failures are counted.
        settings: limits of the schema, age of stale features.
    """

    def __init__(
        self,
        places: ServingPlaces,
        store: OnlineStore,
        service: ScoringService,
        challenger: Challenger,
        telemetry: Telemetry,
        settings: ServingSettings,
    ) -> None:
        self._places = places
        self._store = store
        self._service = service
        self._challenger = challenger
        self._telemetry = telemetry
        self._settings = settings
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_snapshot: OnlineSnapshot | None = None
        self._refused_snapshot = ""
        self.asked = 0
        self._failures = Failures(telemetry)

    def ask(self, configuration: Configuration) -> None:
        """Let a configuration be taken over as soon as it is ready; of several, the one asked for last stays."""
        self.asked = configuration.number
        self._start(self._take_over(configuration))

    async def begin(self, configuration: Configuration) -> None:
        """Take the first configuration over and wait for it, but neither for the challenger nor for features.

        A replica that starts while others are dead must answer; what is missing is healed later and said until then.

        Raises:
            RefusedModel: it cannot be served.
        """
        self.asked = configuration.number
        await self._refresh_store()
        async with self._changing:
            try:
                served = await self._made_ready(configuration)
                store = self._fitted(self._snapshot, served)
            except UnfitSnapshot as unfit:
                self._failures.note(STORE, "current", str(unfit))
                await self._leave_first_snapshot()
                served, store = await self._made_ready(configuration), None
            self._put_in_force(served, store)

    @property
    def failures(self) -> Mapping[str, Failure]:
        """What could not be taken over, by what it is."""
        return self._failures.told

    def refuse(self, number: int, reason: str) -> None:
        """Note that a configuration is not served."""
        self._failures.note(CONFIGURATION, str(number), reason)

    async def watch(self) -> None:
        """Look for new snapshots for ever."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._refresh_store()
            if (force := self._service.force) is not None and force.store is not None:
                self._telemetry.store_age.set(force.store.age.total_seconds())

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether this replica can score, and what it serves."""
        force = self._service.force
        report = report_of(force, self.failures.values(), away=self._challenger.away)
        return force is not None, report

    async def _take_over(self, configuration: Configuration) -> None:
        async with self._changing:
            if configuration.number != self.asked:
                return  # a newer one was asked for meanwhile
            try:
                await self._swap(configuration)
            except RefusedModel as refused:
                self.refuse(configuration.number, str(refused))
            except Exception as error:  # noqa: BLE001  whatever it is, the old configuration answers on and it is told of
                self.refuse(configuration.number, f"it could not be taken over: {type(error).__name__}")

    async def _swap(self, configuration: Configuration) -> None:
        """Make a configuration ready and let it answer.

        Raises:
            RefusedModel: it cannot be served.
        """
        served = await self._made_ready(configuration)
        await self._await_challenger(served)
        self._put_in_force(served, self._fitted(self._snapshot, served))

    async def _made_ready(self, configuration: Configuration) -> Served:
        """Load and prove what is new of a configuration, beside the event loop.

        Raises:
            RefusedModel: a model must not answer.
        """
        snapshot, before = self._snapshot, self._service.force
        golden = await golden_of(snapshot) if snapshot is not None else None
        limit = self._settings.batch_limit_customers
        return await asyncio.to_thread(
            assemble, self._places, configuration, before.served if before else None, golden, limit
        )

    def _put_in_force(self, served: Served, store: StoreView | None) -> None:
        """Let a configuration answer from the next request on."""
        number = served.configuration.number
        self._service.force = InForce(served, store)
        self._first_snapshot, self._refused_snapshot = None, ""
        self._failures.forget_configuration_before(number)
        self._telemetry.configuration.labels(CHAMPION).set(number)
        self._telemetry.show_models({arm: view.served.version for arm, view in served.views.items()})
        _LOG.info("configuration %d is in force", number)

    @property
    def _snapshot(self) -> OnlineSnapshot | None:
        """The snapshot that is read, or that the first configuration will read."""
        force = self._service.force
        return force.store.snapshot if force and force.store else self._first_snapshot

    async def _leave_first_snapshot(self) -> None:
        if self._first_snapshot is not None:
            await self._first_snapshot.close()
            self._first_snapshot = None

    def _fitted(self, snapshot: OnlineSnapshot | None, served: Served) -> StoreView | None:
        """Fit the snapshot in force to new models.

        Raises:
            UnfitSnapshot: one of them reads what the snapshot lacks.
        """
        if snapshot is None:
            return None
        try:
            return StoreView.of(snapshot, served, self._stale_after)
        except InputsError as problem:
            raise UnfitSnapshot(
                f"configuration {served.configuration.number} is not served: {problem}"
            ) from problem

    async def _await_challenger(self, served: Served) -> None:
        """Wait until the challenger's replicas hold the model that they will be asked for.

        Raises:
            RefusedModel: they refused it, or did not have it in time.
        """
        if served.challenger is None:
            return
        wanted = served.challenger.served
        for _ in range(int(_CHALLENGER_WITHIN_S / 0.1)):
            state = await self._challenger.readiness(wanted.digest, served.configuration.number)
            if state == "ready":
                return
            if state != "loading":
                raise RefusedModel(state)
            await asyncio.sleep(0.1)
        raise RefusedModel(
            f"version {wanted.version} is not served: no replica of the challenger held it after {_CHALLENGER_WITHIN_S:.0f} s; "
            "look at the challenger's log"
        )

    async def _refresh_store(self) -> None:
        """Take a newly published snapshot over."""
        open_now = self._snapshot
        try:
            manifest = await asyncio.to_thread(self._store.current)
            if manifest is None:
                return
            if open_now and open_now.manifest.snapshot_id == manifest.snapshot_id:
                self._heal_store()
                return
            if manifest.snapshot_id == self._refused_snapshot:
                return
            snapshot = await asyncio.to_thread(self._store.open, manifest)
        except OnlineStoreError as problem:
            self._failures.note(STORE, "current", str(problem))
            return
        await self._take_snapshot(snapshot)

    async def _take_snapshot(self, snapshot: OnlineSnapshot) -> None:
        async with self._changing:
            force = self._service.force
            name = snapshot.manifest.snapshot_id
            if force is None:
                self._first_snapshot = snapshot
                return
            try:
                view = StoreView.of(snapshot, force.served, self._stale_after)
            except InputsError as problem:
                self._refused_snapshot = name
                self._failures.note(STORE, name, str(problem))
                await snapshot.close()
                return
            self._service.force = InForce(force.served, view)
        self._heal_store()
        _LOG.info("the online store's snapshot %s is in force", name)
        if force.store is not None:
            self._start(_close_later(force.store.snapshot))

    def _heal_store(self) -> None:
        """Forget what was wrong with other snapshots: the one that is wanted is in force."""
        self._failures.forget_store()
        self._refused_snapshot = ""

    def _start(self, work: Any) -> None:  # noqa: ANN401  a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def _stale_after(self) -> timedelta:
        return timedelta(days=self._settings.stale_after_days)


async def _close_later(snapshot: OnlineSnapshot) -> None:
    """Let requests that began with a snapshot end before it closes."""
    await asyncio.sleep(_CLOSE_AFTER_S)
    await snapshot.close()
