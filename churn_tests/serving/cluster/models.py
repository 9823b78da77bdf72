"""The models of the installation that the tests of this folder serve."""

from __future__ import annotations

from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.learning.model import ChurnModel
from churn_serving.versions import Versions
from churn_tests.benchmarks.serving.running import Service


def model_of(service: Service, version: str) -> ChurnModel:
    """Load a version as the batch does."""
    versions = Versions(Lake(str(service.home.lake)), ModelRegistry("", "", service.home.models))
    served = versions.numbered(version)
    return ChurnModel.load(service.places.model(served.digest), served.digest)
