"""What a replica could not take over: told once, counted, logged, and forgotten when it is healed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from churn_serving.replica_status import Failure
from churn_serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
CONFIGURATION, STORE = "configuration", "online store"


class Failures:
    """The newest failure of each kind.

    Args:
        telemetry: where each is counted.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.told: dict[str, Failure] = {}

    def note(self, what: str, name: str, reason: str) -> None:
        """Note a failure; one that is known already is no new one."""
        known = self.told.get(what)
        if known is not None and (known.name, known.reason) == (name, reason):
            return
        self.told[what] = Failure(what, name, reason, datetime.now(UTC).isoformat(timespec="seconds"))
        self._telemetry.reload_failures.labels(what).inc()
        _LOG.error("%s %s is not taken over: %s", what, name, reason)

    def forget_store(self) -> None:
        """The snapshot that is wanted is in force."""
        self.told.pop(STORE, None)

    def forget_configuration_before(self, number: int) -> None:
        """A newer configuration heals; going back to an older one leaves the failure to be seen."""
        failure = self.told.get(CONFIGURATION)
        if failure is not None and int(failure.name) < number:
            del self.told[CONFIGURATION]
