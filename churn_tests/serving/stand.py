"""A champion's replica without Ray: the real parts, put together as the replica puts them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from churn_assets.adapters.online_store import FilesStore
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.learning.model import ChurnModel
from churn_serving.challenger import Challenger, ChallengerLink
from churn_serving.challenger_host import ChallengerHost
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.keeper import Keeper
from churn_serving.places import ServingPlaces
from churn_serving.service import ScoringService
from churn_serving.telemetry import Telemetry
from churn_tests.serving.links import HostLink


class Models(NamedTuple):
    """The two models of these tests, of different families."""

    champion: ChurnModel
    challenger: ChurnModel


def served(model: ChurnModel, version: str) -> ServedModel:
    """Pin a model."""
    return ServedModel(version, model.digest)


@dataclass
class Stand:
    """The parts of a replica on one home; a link of one's own takes the place of the challenger's host."""

    places: ServingPlaces
    store: FilesStore
    telemetry: Telemetry
    settings: ServingSettings
    models: Models
    link: ChallengerLink | None = None
    host: ChallengerHost = field(init=False)
    challenger: Challenger = field(init=False)
    service: ScoringService = field(init=False)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.host = ChallengerHost(self.places, self.store, self.telemetry)
        self.challenger = Challenger(
            self.link or HostLink(self.host),
            self.settings.challenger_timeout_ms / 1_000,
            self.telemetry.breaker.set,
        )
        self.service = ScoringService(self.challenger, self.telemetry, self.settings)
        self.keeper = Keeper(
            self.places, self.store, self.service, self.challenger, self.telemetry, self.settings
        )

    def configuration(
        self, number: int = 1, *, share: float | None = None, shadow: bool = False, experiment: str = "spring"
    ) -> Configuration:
        """Return one that serves the champion, and the challenger where a share or a shadow is wanted."""
        trial = share is not None or shadow
        return Configuration(
            experiment,
            served(self.models.champion, "1"),
            served(self.models.challenger, "2") if trial else None,
            share or 0.0,
            shadow=shadow,
            number=number,
        )

    async def begin(self, configuration: Configuration | None = None) -> None:
        """Take the first configuration over."""
        first = configuration or self.configuration()
        await self.host.take(first)
        await self.keeper.begin(first)

    @property
    def number(self) -> int:
        """The number of the configuration that answers."""
        return self.service.in_force().served.configuration.number
