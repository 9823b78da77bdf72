"""The services that are measured: three baselines and our own, each a context in which it answers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from churn_tests.benchmarks.serving.connection import encoded
from churn_tests.benchmarks.serving.installation import Customer, Installation
from churn_tests.benchmarks.serving.load import Spec, measured
from churn_tests.benchmarks.serving.running import Service
from churn_tests.benchmarks.serving.server import Server, ServerError, answers, free_port, started
from churn_tests.benchmarks.serving.trees import encoded_values

CONSTANT = "constant reply (the generator's ceiling)"
PANDAS, PANDAS_ONE_THREAD = "b pandas", "b pandas, OMP_NUM_THREADS=1"
BARE, MLFLOW, OURS = "c bare", "d mlflow", "a ours"
MODULES = {
    CONSTANT: "peer_constant",
    PANDAS: "peer_pandas",
    PANDAS_ONE_THREAD: "peer_pandas",
    BARE: "peer_bare",
    MLFLOW: "peer_mlflow",
}
SETTLED = 30.0


@dataclass(frozen=True)
class Variant:
    """One state of our service, and how customers are asked about.

    Attributes:
        name: as the table has it.
        share: the challenger's share.
        shadow: whether the challenger scores the others too, unseen.
        by_id: by the customer's id alone, the features from the online store.
        paced: whether it is measured in the open loop too.
    """

    name: str
    share: float
    shadow: bool = False
    by_id: bool = False
    paced: bool = False

    def shown_by(self, arms: Mapping[str, int]) -> bool:
        """Tell whether answers from these arms are this state's, a few fallbacks apart."""
        given = sum(arms.values())
        return given > 0 and abs(arms.get("challenger", 0) / given - self.share) < 0.06


LIKE_FOR_LIKE = Variant("a1 champion by features", 0.0)
USUAL = Variant("a5 90/10 by features", 0.1, paced=True)
VARIANTS = (
    LIKE_FOR_LIKE,
    Variant("a2 champion by id", 0.0, by_id=True),
    Variant("a3 challenger by features", 1.0),
    Variant("a4 challenger by id", 1.0, by_id=True),
    USUAL,
    Variant("a6 90/10 by id", 0.1, by_id=True),
    Variant("a7 shadow by features", 0.0, shadow=True),
)


@contextmanager
def baseline(name: str, installation: Installation, scratch: Path) -> Iterator[Server]:
    """Run a baseline that serves the champion's trees."""
    port = free_port()
    command = [sys.executable, "-m", f"churn_tests.benchmarks.serving.{MODULES[name]}", "--port", str(port)]
    if name != CONSTANT:
        command += ["--folder", str(installation.champion)]
    if name == MLFLOW:
        command += ["--scratch", str(scratch)]
    variables = {"OMP_NUM_THREADS": "1"} if name == PANDAS_ONE_THREAD else {}
    with started(command, port, lambda: answers(port, "/ping"), variables=variables) as server:
        yield server


def asked_of(name: str, installation: Installation) -> list[str]:
    """Return the requests that a baseline understands."""
    if name != MLFLOW:
        return [encoded("POST", "/predict", _by_features(each)) for each in installation.customers]
    columns = list(installation.contract.feature_names)
    rows = [encoded_values(installation.contract, each.features) for each in installation.customers]
    bodies = [json.dumps({"dataframe_split": {"columns": columns, "data": [row]}}) for row in rows]
    return [encoded("POST", "/invocations", body) for body in bodies]


def asked_of_ours(variant: Variant, installation: Installation, service: Service) -> list[str]:
    """Return the requests of a variant."""
    headers = {"X-API-Key": service.key}
    body_of = _by_id if variant.by_id else _by_features
    return [encoded("POST", "/predict", body_of(each), headers) for each in installation.customers]


def deploy(variant: Variant, installation: Installation, service: Service) -> None:
    """Bring our running service into a variant's state and wait until its answers show it.

    Raises:
        ServerError: the command failed, or the arms that answer are others.
    """
    shadow = "--shadow" if variant.shadow else "--no-shadow"
    state = ("--challenger", installation.challenger, "--challenger-share", str(variant.share), shadow)
    done = service.churn("deploy", *state)
    if done.returncode:
        raise ServerError(f"`churn deploy` for {variant.name} ended with {done.returncode}:\n{done.stderr}")
    requests = asked_of_ours(variant, installation, service)
    deadline = time.monotonic() + SETTLED
    while True:
        seen = measured(Spec(service.port, requests, seconds=1, clients=4, count_field="arm"))
        if variant.shown_by(seen.counted):
            return
        if time.monotonic() > deadline:
            raise ServerError(
                f"{variant.name} is deployed, but answers come from {seen.counted}, {seen.failed}"
            )


def _by_features(customer: Customer) -> str:
    return json.dumps({"customer_id": customer.customer_id, "features": customer.features})


def _by_id(customer: Customer) -> str:
    return json.dumps({"customer_id": customer.customer_id})
