"""A change of what is served, from outside: keep the configuration, wait until all replicas serve it, or take it back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from churn_assets.adapters.files import only_one
from churn_assets.domain.assignment import CHAMPION
from churn_serving.configuration import Configuration
from churn_serving.history import ConfigurationHistory
from churn_serving.places import ServingPlaces
from churn_serving.proving import RefusedModel, load_proven
from churn_serving.replica_status import ReplicaStatus, statuses

_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1


class RunningService(msgspec.Struct, frozen=True):
    """The service of a home, as its main process writes it down.

    Attributes:
        pid: the main process.
        host: where it listens.
        port: likewise.
    """

    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"


def running_service(places: ServingPlaces) -> RunningService | None:
    """Return the service that runs on a home, or None."""
    try:
        found = msgspec.json.decode(places.service.read_bytes(), type=RunningService)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if Path(f"/proc/{found.pid}").exists() else None


@dataclass(frozen=True)
class Outcome:
    """What became of a change.

    Attributes:
        configuration: the one that was asked for.
        served: whether all replicas serve it; also where nothing runs and it was proven only.
        running: whether a service runs.
        reason: why it is not served.
    """

    configuration: Configuration
    served: bool
    running: bool
    reason: str = ""


class Changer:
    """Applies configurations to the service of a home; one change at a time."""

    def __init__(self, places: ServingPlaces) -> None:
        self._places = places
        self._history = ConfigurationHistory(places.configurations)

    @property
    def history(self) -> ConfigurationHistory:
        """All configurations."""
        return self._history

    def apply(self, configuration: Configuration, code: str = "") -> Outcome:
        """Keep a configuration and see it served; what is refused is no longer wanted, the former one stays.

        Args:
            configuration: what to serve.
            code: digest of the code that new replicas are to be rolled out with; empty lets the replicas stay.
        """
        with only_one(self._places.root / ".change"):
            before = self._history.wanted()
            kept = self._history.keep(configuration)
            running = running_service(self._places)
            if code:
                self._places.want_code(code)
            reason = self._awaited(kept, code) if running else self._proven(kept)
            if reason:
                self._history.want(before.number if before else None)
            if not reason and running:
                self._history.note_served(kept.number)
            return Outcome(kept, not reason, running is not None, reason)

    def _proven(self, configuration: Configuration) -> str:
        """Load the models here, because no replica does; return why one is refused."""
        for served in (configuration.champion, configuration.challenger):
            if served is None:
                continue
            try:
                load_proven(self._places.model(served.digest), served, None)
            except RefusedModel as refused:
                return str(refused)
        return ""

    def _awaited(self, configuration: Configuration, code: str) -> str:
        """Wait until the replicas serve a configuration; return why one does not."""
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            found = statuses(self._places.replicas)
            if refused := _refusal(found, configuration.number):
                return refused
            current = all(
                each.in_force == configuration.number and (not code or each.code == code) for each in found
            )
            if current and any(each.arm == CHAMPION for each in found):
                return ""
            time.sleep(_LOOK_EVERY_S)
        return f"the replicas did not take it over within {_WITHIN_S:.0f} s; GET /ready says what they serve"


def _refusal(found: list[ReplicaStatus], number: int) -> str:
    reasons = (failure.reason for each in found for failure in each.failures if failure.name == str(number))
    return next(reasons, "")
