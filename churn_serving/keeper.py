"""Keeps a champion's replica up to date: new configurations and snapshots are made ready beside, then swapped in.

Nothing here is on a request's path. What cannot be taken over leaves what is in force, and is said in `/ready`, in the
metrics and in the replica's status.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from churn_assets.adapters.online_store import OnlineSnapshot, OnlineStore, OnlineStoreError
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.learning.contract import ModelContract
from churn_assets.learning.errors import ModelError
from churn_assets.learning.folder import read_folder
from churn_serving.challenger import Challenger
from churn_serving.configuration import Configuration
from churn_serving.inputs import InputsError, RequestInputs
from churn_serving.places import ServingPlaces
from churn_serving.proving import GoldenRows, RefusedModel, load_proven
from churn_serving.replica_status import Failure
from churn_serving.requests import RequestSchema
from churn_serving.scorer import Scorer, Speaker
from churn_serving.service import CHALLENGER, CHAMPION, ScoringService
from churn_serving.state import ArmView, InForce, Served, StoreView
from churn_serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.5
_CLOSE_AFTER_S = 10.0
_CHALLENGER_WITHIN_S = 30.0
CONFIGURATION, STORE = "configuration", "online store"
T = TypeVar("T")


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
        self.failures: dict[str, Failure] = {}

    def ask(self, configuration: Configuration) -> None:
        """Let a configuration be taken over as soon as it is ready; of several, the one asked for last stays."""
        self.asked = configuration.number
        self._start(self._take_over(configuration))

    async def begin(self, configuration: Configuration) -> None:
        """Take the first configuration over and wait for it.

        Raises:
            RefusedModel: it cannot be served.
        """
        self.asked = configuration.number
        await self._refresh_store()
        async with self._changing:
            await self._swap(configuration)

    def refuse(self, number: int, reason: str) -> None:
        """Note that a configuration is not served."""
        self._note(CONFIGURATION, str(number), reason)

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
        failures = [
            {"what": each.what, "name": each.name, "reason": each.reason, "at": each.at}
            for each in self.failures.values()
        ]
        if force is None:
            return False, {"ready": False, "failures": failures}
        configuration = force.served.configuration
        return True, {
            "ready": True,
            "configuration": configuration.number,
            "experiment": configuration.experiment,
            "champion": _model(force.served.champion),
            "challenger": None
            if force.served.challenger is None
            else _model(force.served.challenger)
            | {
                "share": configuration.challenger_share,
                "shadow": configuration.shadow,
                "away": self._challenger.away,
            },
            "online_store": None if force.store is None else _store(force.store),
            "failures": failures,
        }

    async def _take_over(self, configuration: Configuration) -> None:
        async with self._changing:
            if configuration.number != self.asked:
                return  # a newer one was asked for meanwhile
            try:
                await self._swap(configuration)
            except RefusedModel as refused:
                self.refuse(configuration.number, str(refused))

    async def _swap(self, configuration: Configuration) -> None:
        """Make a configuration ready and let it answer.

        Raises:
            RefusedModel: it cannot be served.
        """
        before = self._service.force
        snapshot = before.store.snapshot if before and before.store else self._first_snapshot
        golden = await golden_of(snapshot) if snapshot is not None else None
        served = await _beside(self._load, configuration, before.served if before else None, golden)
        await self._await_challenger(served)
        self._service.force = InForce(served, self._fitted(snapshot, served))
        self._first_snapshot, self._refused_snapshot = None, ""
        self._forget_failure_before(configuration.number)
        self._telemetry.configuration.labels(CHAMPION).set(configuration.number)
        self._telemetry.show_models({arm: view.served.version for arm, view in served.views.items()})
        _LOG.info("configuration %d is in force", configuration.number)

    def _fitted(self, snapshot: OnlineSnapshot | None, served: Served) -> StoreView | None:
        """Fit the snapshot in force to new models.

        Raises:
            RefusedModel: one of them reads what the snapshot lacks.
        """
        if snapshot is None:
            return None
        try:
            return StoreView.of(snapshot, served, self._stale_after)
        except InputsError as problem:
            raise RefusedModel(
                f"configuration {served.configuration.number} is not served: {problem}"
            ) from problem

    def _load(self, configuration: Configuration, before: Served | None, golden: GoldenRows | None) -> Served:
        """Load what is new of a configuration; runs in a thread.

        Raises:
            RefusedModel: a model must not answer.
        """
        champion = configuration.champion
        if before is not None and before.scorer.served == champion:
            scorer = before.scorer
        else:
            scorer = load_proven(self._places.model(champion.digest), champion, golden)
        contract = self._challenger_contract(configuration)
        contracts = [scorer.features, *([contract.features] if contract else [])]
        schema = RequestSchema(contracts, self._settings.batch_limit_customers)
        return Served(
            configuration,
            scorer,
            schema,
            _view_of(scorer, schema),
            _challenger_view(configuration, contract, schema),
        )

    def _challenger_contract(self, configuration: Configuration) -> ModelContract | None:
        if configuration.challenger is None:
            return None
        served = configuration.challenger
        try:
            return read_folder(self._places.model(served.digest), served.digest)[0]
        except (ModelError, OSError) as problem:
            raise RefusedModel(f"version {served.version} is not served: {problem}") from problem

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
        force = self._service.force
        open_now = force.store.snapshot if force and force.store else self._first_snapshot
        try:
            manifest = await _beside(self._store.current)
            if manifest is None:
                return
            if open_now and open_now.manifest.snapshot_id == manifest.snapshot_id:
                self._heal_store()
                return
            if manifest.snapshot_id == self._refused_snapshot:
                return
            snapshot = await _beside(self._store.open, manifest)
        except OnlineStoreError as problem:
            self._note(STORE, "current", str(problem))
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
                self._note(STORE, name, str(problem))
                await snapshot.close()
                return
            self._service.force = InForce(force.served, view)
        self._heal_store()
        _LOG.info("the online store's snapshot %s is in force", name)
        if force.store is not None:
            self._start(_close_later(force.store.snapshot))

    def _heal_store(self) -> None:
        """Forget what was wrong with other snapshots: the one that is wanted is in force."""
        self.failures.pop(STORE, None)
        self._refused_snapshot = ""

    def _forget_failure_before(self, number: int) -> None:
        """A newer configuration heals; going back to an older one leaves the failure to be seen."""
        failure = self.failures.get(CONFIGURATION)
        if failure is not None and int(failure.name) < number:
            del self.failures[CONFIGURATION]

    def _note(self, what: str, name: str, reason: str) -> None:
        known = self.failures.get(what)
        if known is not None and (known.name, known.reason) == (name, reason):
            return
        self.failures[what] = Failure(what, name, reason, datetime.now(UTC).isoformat(timespec="seconds"))
        self._telemetry.reload_failures.labels(what).inc()
        _LOG.error("%s %s is not taken over: %s", what, name, reason)

    def _start(self, work: Any) -> None:  # noqa: ANN401  a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def _stale_after(self) -> timedelta:
        return timedelta(days=self._settings.stale_after_days)


async def golden_of(snapshot: OnlineSnapshot) -> GoldenRows | None:
    """Return a snapshot's golden rows, or None where it has none that can be read."""
    golden = snapshot.manifest.golden
    if golden is None:
        return None
    try:
        rows, found = await snapshot.rows(golden.customer_ids)
    except OnlineStoreError:
        return None
    if not found.all():
        return None
    return GoldenRows(snapshot.manifest.features, rows, golden.model_digest, golden.probabilities)


async def _beside(work: Any, *arguments: Any) -> Any:  # noqa: ANN401  any function
    """Run blocking work beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)


async def _close_later(snapshot: OnlineSnapshot) -> None:
    """Let requests that began with a snapshot end before it closes."""
    await asyncio.sleep(_CLOSE_AFTER_S)
    await snapshot.close()


def _view_of(scorer: Scorer, schema: RequestSchema) -> ArmView:
    inputs = RequestInputs(schema.names, scorer.features)
    return ArmView(CHAMPION, scorer.served, scorer.features, scorer.speaker, inputs)


def _challenger_view(
    configuration: Configuration, contract: ModelContract | None, schema: RequestSchema
) -> ArmView | None:
    if contract is None or configuration.challenger is None:
        return None
    return ArmView(
        CHALLENGER,
        configuration.challenger,
        contract.features,
        Speaker(contract.threshold, contract.base_rate),
        RequestInputs(schema.names, contract.features),
    )


def _model(view: ArmView) -> dict[str, Any]:
    return {"version": view.served.version, "digest": view.served.digest}


def _store(view: StoreView) -> dict[str, Any]:
    manifest = view.snapshot.manifest
    return {
        "snapshot": manifest.snapshot_id,
        "month": view.month,
        "customers": manifest.rows,
        "age_seconds": round(view.age.total_seconds()),
        "stale": view.stale,
    }
