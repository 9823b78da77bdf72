"""The declaration that Ray is handed: it reads it as we mean it, and a change of what is served rolls nothing out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.assignment import CHALLENGER, CHAMPION
from churn_serving.cluster import arguments as module
from churn_serving.cluster.application import NAME, declaration
from churn_serving.cluster.arguments import ReplicaArguments, digest_of_code
from churn_serving.configuration import Configuration, ServedModel
from churn_tests.serving.cluster.ray_itself import ask_ray

SETTINGS = ServingSettings(port=8123, champion_replicas=3, challenger_replicas=2, replica_concurrency=8)
ARGUMENTS = ReplicaArguments("/home/of/churn", SETTINGS)
PLAIN = Configuration("spring", ServedModel("1", "a" * 64), number=1)
TRIAL = Configuration(
    "spring",
    ServedModel("1", "a" * 64),
    ServedModel("2", "b" * 64),
    0.1,
    shadow=True,
    number=2,
    reason="a try",
)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Ray reads of two declarations."""
    folder = tmp_path_factory.mktemp("ray")
    declared = {
        name: declaration(ARGUMENTS, each, "c0de") for name, each in (("plain", PLAIN), ("trial", TRIAL))
    }
    ask_ray(folder, declared)
    found: dict[str, Any] = json.loads((folder / "read.json").read_text())
    return found


def test_ray_reads_all_that_is_declared(read: dict[str, Any]) -> None:
    declared = json.loads(json.dumps(declaration(ARGUMENTS, TRIAL, "c0de")))["applications"]

    for mine, theirs in zip(declared, read["trial"]["applications"], strict=True):
        assert {name: theirs[name] for name in mine if name != "deployments"} == {
            name: value for name, value in mine.items() if name != "deployments"
        }
        for asked, taken in zip(mine["deployments"], theirs["deployments"], strict=True):
            kept = {name: taken[name] for name in asked}
            assert kept | {"logging_config": asked["logging_config"]} == asked
            assert kept["logging_config"].items() >= asked["logging_config"].items()


def test_champion_and_challenger_have_replicas_of_their_own(read: dict[str, Any]) -> None:
    (application,) = read["trial"]["applications"]

    assert (application["name"], application["route_prefix"]) == (NAME, "/")
    assert {each["name"]: each["num_replicas"] for each in application["deployments"]} == {
        CHAMPION: 3,
        CHALLENGER: 2,
    }


def test_a_change_of_the_configuration_changes_the_user_configuration_alone() -> None:
    before, after = (declaration(ARGUMENTS, each, "c0de") for each in (PLAIN, TRIAL))

    for declared in (before, after):
        for deployment in declared["applications"][0]["deployments"]:
            found = deployment.pop("user_config")
            assert Configuration.from_plain(found["configuration"]) in {PLAIN, TRIAL}
    assert before == after


def test_changed_code_rolls_replicas_out_without_building_the_application_anew() -> None:
    before, after = (declaration(ARGUMENTS, PLAIN, code)["applications"][0] for code in ("c0de", "c0d3"))

    assert before["args"] == after["args"]
    for one, other in zip(before["deployments"], after["deployments"], strict=True):
        assert one.pop("ray_actor_options") != other.pop("ray_actor_options")
        assert one == other


def test_arguments_travel_as_json() -> None:
    assert ReplicaArguments.from_plain(json.loads(json.dumps(ARGUMENTS.plain()))) == ARGUMENTS


def test_the_digest_of_the_code_changes_with_every_source_that_a_replica_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROJECT_ROOT", tmp_path)
    source = tmp_path / "churn_serving" / "cluster" / "door.py"
    beside = tmp_path / "churn_assets" / "defs" / "build.py"
    for path in (source, beside):
        path.parent.mkdir(parents=True)
        path.write_text("one = 1\n")
    first = digest_of_code()

    beside.write_text("one = 2\n")
    assert digest_of_code() == first

    source.write_text("one = 2\n")
    second = digest_of_code()
    source.rename(source.with_name("gate.py"))
    assert len({first, second, digest_of_code()}) == 3
