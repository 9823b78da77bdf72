"""From a version's number, or none, to the pinned model that a configuration names."""

from __future__ import annotations

from churn_assets.adapters.champions import CHALLENGERS, champion_at
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_serving.configuration import ConfigurationError, ServedModel


class Versions:
    """The versions of a home.

    Args:
        lake: where each month's challenger is written down.
        registry: asked only where the lake does not know a version: MLflow takes seconds to import.
    """

    def __init__(self, lake: Lake, registry: ModelRegistry) -> None:
        self._lake = lake
        self._registry = registry

    def numbered(self, version: str) -> ServedModel:
        """Return a registered version.

        Raises:
            ConfigurationError: there is none.
        """
        wanted = version.removeprefix("v")
        known = {model.version: model for model in self._trained()}
        if wanted in known:
            return known[wanted]
        for registered in self._registry.versions():
            if registered.version == wanted:
                return ServedModel(registered.version, registered.digest)
        raise ConfigurationError(f"there is no registered version {wanted}; `churn status` names them")

    def champion(self) -> ServedModel:
        """Return the champion of today.

        Raises:
            ConfigurationError: no model has passed the gates.
        """
        months = self._lake.months(CHALLENGERS)
        decision = champion_at(self._lake, months[-1]) if months else None
        if decision is None:
            raise ConfigurationError(
                "there is no champion: no model has passed the gates. `churn run` trains one, `churn status` says what stopped it"
            )
        return ServedModel(decision.version, decision.digest)

    def challenger_to(self, champion: ServedModel) -> ServedModel:
        """Return the newest trained version that is another model than the champion.

        Raises:
            ConfigurationError: there is none.
        """
        others = [model for model in self._trained() if model.digest != champion.digest]
        if not others:
            raise ConfigurationError(
                f"version {champion.version} is the only model: `churn run` over another month trains a challenger"
            )
        return others[-1]

    def _trained(self) -> list[ServedModel]:
        """Return each month's challenger, the oldest first."""
        months = self._lake.months(CHALLENGERS)
        rows = [self._lake.read(CHALLENGERS, month).row(0, named=True) for month in months]
        return [ServedModel(row["version"], row["digest"]) for row in rows]
