"""What a challenger's replica does: hold the newest models it was given, score rows, say whether it is ready."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from churn_assets.adapters.online_store import OnlineStore, OnlineStoreError
from churn_assets.domain.assignment import CHALLENGER
from churn_assets.learning.inputs import Matrix
from churn_serving.assembly import golden_of
from churn_serving.challenger import WrongModel
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.failures import CONFIGURATION, Failures
from churn_serving.places import ServingPlaces
from churn_serving.proving import GoldenRows, RefusedModel, load_proven
from churn_serving.replica_status import Failure
from churn_serving.scorer import Scorer
from churn_serving.telemetry import Telemetry

_HELD = 2


class ChallengerHost:
    """Holds the model under trial and the one before it, so that a change finds both.

    Args:
        places: where models lie.
        store: whose golden rows prove a model.
        telemetry: where failures are counted.
    """

    def __init__(self, places: ServingPlaces, store: OnlineStore, telemetry: Telemetry) -> None:
        self._places = places
        self._store = store
        self._telemetry = telemetry
        self._scorers: OrderedDict[str, Scorer] = OrderedDict()
        self._refused: dict[str, str] = {}
        self._changing = asyncio.Lock()
        self._explaining = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self.asked = 0
        self.in_force = 0
        self._failures = Failures(telemetry)

    async def take(self, configuration: Configuration) -> None:
        """Load a configuration's challenger; one that is refused leaves the others."""
        self.asked = configuration.number
        async with self._changing:
            wanted = configuration.challenger
            if wanted is not None and wanted.digest not in self._scorers:
                try:
                    await self._hold(wanted)
                except RefusedModel as refused:
                    self._refused[wanted.digest] = str(refused)
                    self._failures.note(CONFIGURATION, str(configuration.number), str(refused))
                    return
            if wanted is not None:
                self._scorers.move_to_end(wanted.digest)
            self.in_force = configuration.number
            self._telemetry.configuration.labels(CHALLENGER).set(configuration.number)
            self._failures.forget_configuration_before(configuration.number)

    @property
    def failures(self) -> Mapping[str, Failure]:
        """What could not be taken over, by what it is."""
        return self._failures.told

    def score(self, digest: str, rows: bytes) -> bytes:
        """Return the probabilities of rows of float32, as float64.

        Raises:
            WrongModel: the model with this digest is not held.
        """
        scorer, matrix = self._question(digest, rows)
        return np.array(scorer.probabilities(matrix), dtype=np.float64).tobytes()

    async def reasons(self, digest: str, rows: bytes) -> list[list[str]]:
        """Return the reasons of rows of float32.

        Raises:
            WrongModel: the model with this digest is not held.
        """
        scorer, matrix = self._question(digest, rows)
        return await asyncio.get_running_loop().run_in_executor(self._explaining, scorer.reasons, matrix)

    def readiness(self, digest: str, number: int) -> str:
        """Return `ready`, `loading`, or why the model was refused; `loading` too before a configuration has come here."""
        if digest in self._scorers:
            return "ready"
        return self._refused.get(digest, "loading") if self.asked >= number else "loading"

    async def _hold(self, wanted: ServedModel) -> None:
        golden = await self._golden()
        folder = self._places.model(wanted.digest)
        self._refused.pop(wanted.digest, None)
        self._scorers[wanted.digest] = await asyncio.to_thread(load_proven, folder, wanted, golden)
        while len(self._scorers) > _HELD:
            self._scorers.popitem(last=False)

    async def _golden(self) -> GoldenRows | None:
        try:
            manifest = await asyncio.to_thread(self._store.current)
            if manifest is None:
                return None
            snapshot = await asyncio.to_thread(self._store.open, manifest)
        except OnlineStoreError:
            return None  # the champion's replicas report it
        try:
            return await golden_of(snapshot)
        finally:
            await snapshot.close()

    def _question(self, digest: str, rows: bytes) -> tuple[Scorer, Matrix]:
        """Return the model that is asked, and the rows as it reads them."""
        try:
            scorer = self._scorers[digest]
        except KeyError:
            raise WrongModel("another model is loaded here") from None
        return scorer, np.frombuffer(rows, dtype=np.float32).reshape(-1, len(scorer.features))
