"""The installation that is served in the benchmark: a small operator's home with a champion and a challenger.

`python -m` on this module makes one in a process of its own, so that nothing of Dagster or training is left in the
memory of the process that measures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_assets.adapters.champions import champion_at
from churn_assets.adapters.home import Home
from churn_assets.adapters.registry import CHALLENGER, ModelRegistry
from churn_assets.defs.features import MATRIX, read_matrix
from churn_assets.defs.project import Project
from churn_assets.defs.training_set import LabelledMonths, learnable, split_at
from churn_assets.learning.contract import ModelContract
from churn_assets.learning.families import FAMILIES
from churn_assets.learning.training import train_challenger
from churn_tests.benchmarks.operators import trained_home
from churn_tests.benchmarks.serving.server import ROOT
from churn_tests.benchmarks.serving.trees import contract_of

SEED = 7


@dataclass(frozen=True)
class Customer:
    """One customer as a client would send it: the champion's features, null where there is nothing."""

    customer_id: int
    features: dict[str, Any]


@dataclass(frozen=True)
class Installation:
    """What the servers serve, and whom they are asked about.

    Attributes:
        home: the home that our service is started in.
        champion: the folder of the champion's trees, which the baselines serve too.
        contract: what the champion takes.
        challenger: the version of another model.
        customers: customers of the newest month.
    """

    home: Path
    champion: Path
    contract: ModelContract
    challenger: str
    customers: list[Customer]


def made(home: Path) -> Path:
    """Make a home with a champion and a challenger, in a process of its own; takes a minute."""
    done = subprocess.run(
        [sys.executable, "-m", "churn_tests.benchmarks.serving.installation", str(home)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"no home could be made for the benchmark:\n{done.stderr[-2_000:]}")
    return home


def opened(home: Path, customers: int = 500) -> Installation:
    """Return what a home has to serve.

    Raises:
        ValueError: the home has no champion, or no other model.
    """
    project = Project.of(Home(home.resolve()))
    month = project.lake.months(MATRIX)[-1]
    champion = champion_at(project.lake, month)
    if champion is None:
        raise ValueError(f"{home} has no champion to serve at {month}: `churn run` promotes one")
    registry = _registry(project)
    others = [each.version for each in registry.versions() if each.digest != champion.digest]
    if not others:
        raise ValueError(f"{home} has no model but its champion: `churn run` over another month trains one")
    folder = registry.folder(champion.digest)
    contract = contract_of(folder)
    chosen = read_matrix(project, project.lake, month).sample(customers, seed=SEED)
    asked = [
        Customer(row["customer_id"], {name: row[name] for name in contract.feature_names})
        for row in chosen.iter_rows(named=True)
    ]
    return Installation(project.home.root, folder, contract, others[-1], asked)


def add_challenger(home: Home) -> None:
    """Train and register a challenger of the family that the champion is not of."""
    project = Project.of(home)
    lake, registry, settings = project.lake, _registry(project), project.settings
    month = lake.months(MATRIX)[-1]
    champion = champion_at(lake, month)
    assert champion is not None, "the small operator's challengers were all stopped"
    family = contract_of(registry.folder(champion.digest)).family
    split = split_at(project, lake, month)
    training = train_challenger(
        LabelledMonths(project, lake, split.learning_months),
        split,
        learnable(project, lake, split),
        seed=settings.learning.seed,
        threads=settings.learning.threads,
        economics=settings.economics,
        families=[each for each in FAMILIES if each != family],
    )
    digest = registry.store(training.model)
    version = registry.register(digest, month=str(month), metrics={}, params={}, tags={})
    registry.point(CHALLENGER, version.version)


def _registry(project: Project) -> ModelRegistry:
    home = project.home
    return ModelRegistry(f"sqlite:///{home.mlflow_database}", home.mlflow_artifacts.as_uri(), home.models)


def main() -> None:
    """Make a home in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    add_challenger(trained_home(parser.parse_args().home))


if __name__ == "__main__":
    main()
