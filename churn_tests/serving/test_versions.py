"""From a version's number to the pinned model: out of the lake, out of the registry, or a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn_assets.adapters.champions import CHALLENGERS, DECISIONS
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.domain.months import Month
from churn_serving.configuration import ConfigurationError, ServedModel
from churn_serving.versions import Versions
from churn_tests.serving.stand import Models

JANUARY, FEBRUARY, MARCH = (Month(2025, number) for number in (1, 2, 3))
FIRST, SECOND, THIRD = (ServedModel(version, version * 64) for version in ("1", "2", "3"))


class Installation:
    """A lake and a registry that closed months write to."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(str(root / "lake"))
        self.registry = ModelRegistry(
            f"sqlite:///{root / 'mlflow.db'}", (root / "runs").as_uri(), root / "models"
        )
        self.database = root / "mlflow.db"

    @property
    def versions(self) -> Versions:
        return Versions(self.lake, self.registry)

    def train(self, month: Month, model: ServedModel, learned_from: str = "deliveries") -> None:
        """Write a month's challenger down."""
        row = {"version": model.version, "digest": model.digest, "learned_from": learned_from}
        self.lake.write(CHALLENGERS, month, pl.DataFrame([row]))

    def decide(self, month: Month, model: ServedModel, trained_at: Month) -> None:
        """Write down who is the champion."""
        row = {
            "decided_month": str(month),
            "version": model.version,
            "digest": model.digest,
            "trained_at": str(trained_at),
            "learned_from": "deliveries",
            "promoted": True,
            "reason": "better",
        }
        self.lake.write(DECISIONS, month, pl.DataFrame([row]))


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_the_champion_is_the_one_of_the_newest_decision(installation: Installation) -> None:
    installation.train(JANUARY, FIRST)
    installation.train(FEBRUARY, SECOND)
    installation.train(MARCH, THIRD)
    installation.decide(JANUARY, FIRST, JANUARY)
    installation.decide(FEBRUARY, SECOND, FEBRUARY)

    assert installation.versions.champion() == SECOND


def test_a_decision_for_a_model_of_corrected_deliveries_does_not_count(installation: Installation) -> None:
    installation.train(JANUARY, FIRST)
    installation.train(FEBRUARY, SECOND, learned_from="a correction")
    installation.decide(JANUARY, FIRST, JANUARY)
    installation.decide(FEBRUARY, SECOND, FEBRUARY)

    assert installation.versions.champion() == FIRST


def test_without_a_champion_it_is_said_how_one_is_made(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no champion.*`churn run`"):
        installation.versions.champion()
    installation.train(JANUARY, FIRST)
    with pytest.raises(ConfigurationError, match="no model has passed the gates"):
        installation.versions.champion()


def test_the_challenger_is_the_newest_other_model(installation: Installation) -> None:
    for month, model in ((JANUARY, FIRST), (FEBRUARY, SECOND), (MARCH, THIRD)):
        installation.train(month, model)

    assert installation.versions.challenger_to(SECOND) == THIRD
    assert installation.versions.challenger_to(THIRD) == SECOND


def test_the_same_bytes_under_another_number_are_no_challenger(installation: Installation) -> None:
    installation.train(JANUARY, FIRST)
    installation.train(FEBRUARY, ServedModel("2", FIRST.digest))

    with pytest.raises(ConfigurationError, match="version 1 is the only model"):
        installation.versions.challenger_to(FIRST)


@pytest.mark.parametrize("written", ["2", "v2"])
def test_a_version_that_the_lake_knows_is_found_without_the_registry(
    installation: Installation, written: str
) -> None:
    installation.train(JANUARY, FIRST)
    installation.train(FEBRUARY, SECOND)

    assert installation.versions.numbered(written) == SECOND
    assert not installation.database.exists()


def test_any_other_version_is_the_registrys_or_none(installation: Installation, models: Models) -> None:
    digest = installation.registry.store(models.champion)
    installation.registry.register(digest, month="2025-01", metrics={}, params={}, tags={})

    assert installation.versions.numbered("1") == ServedModel("1", models.champion.digest)
    with pytest.raises(ConfigurationError, match="no registered version 7; `churn status` names them"):
        installation.versions.numbered("v7")
