"""What a champion's replica serves at one moment: immutable, swapped whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from churn_assets.adapters.online_store import OnlineSnapshot
from churn_assets.domain.assignment import Arm, Split
from churn_assets.learning.contract import ContractFeature
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.inputs import RequestInputs, StoreInputs
from churn_serving.requests import RequestSchema
from churn_serving.scorer import Scorer, Speaker


@dataclass(frozen=True)
class ArmView:
    """An arm as the door needs it: its version, its inputs, its words; the champion's scorer lives elsewhere."""

    arm: Arm
    served: ServedModel
    features: tuple[ContractFeature, ...]
    speaker: Speaker
    inputs: RequestInputs


@dataclass(frozen=True)
class Served:
    """A configuration in force: the champion loaded and proven, the challenger's contract read."""

    configuration: Configuration
    scorer: Scorer
    schema: RequestSchema
    champion: ArmView
    challenger: ArmView | None
    split: Split = field(init=False)
    views: dict[Arm, ArmView] = field(init=False)
    """The arms by name."""

    def __post_init__(self) -> None:
        views = {view.arm: view for view in (self.champion, self.challenger) if view is not None}
        object.__setattr__(self, "views", views)
        share = self.configuration.challenger_share if self.challenger else 0.0
        object.__setattr__(self, "split", Split(self.configuration.experiment, share))


@dataclass(frozen=True)
class StoreView:
    """A snapshot of the online store that fits the served models."""

    snapshot: OnlineSnapshot
    inputs: dict[Arm, StoreInputs]
    stale_after: timedelta

    @classmethod
    def of(cls, snapshot: OnlineSnapshot, served: Served, stale_after: timedelta) -> StoreView:
        """Fit a snapshot to the served models.

        Raises:
            InputsError: it lacks a feature of one of them.
        """
        columns = snapshot.manifest.features
        inputs = {arm: StoreInputs(columns, view.features) for arm, view in served.views.items()}
        return cls(snapshot, inputs, stale_after)

    @property
    def month(self) -> str:
        """The month of the features."""
        return str(self.snapshot.manifest.month)

    @property
    def age(self) -> timedelta:
        """Time since the features' snapshot."""
        return datetime.now(UTC) - self.snapshot.manifest.snapshot

    @property
    def stale(self) -> bool:
        """Whether a newer month should have come by now."""
        return self.age > self.stale_after


@dataclass(frozen=True)
class InForce:
    """What answers at one moment; a request keeps the one that it began with."""

    served: Served
    store: StoreView | None
