"""Under 50 requests a second something breaks, or is changed, and nobody notices. Latencies stand in `churn bench faults`."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl

from churn_assets.adapters.online_store import FilesStore
from churn_assets.defs.features import read_matrix
from churn_assets.defs.project import Project
from churn_serving.configuration import Configuration, ServedModel
from churn_tests.benchmarks.serving.load import Running, Spec
from churn_tests.benchmarks.serving.running import Service
from churn_tests.benchmarks.serving.tally import Result
from churn_tests.end_to_end.installation import JUNE
from churn_tests.serving.cluster.models import model_of
from churn_tests.serving.spoiling import SPOILINGS
from churn_tests.serving.stand import Models

RATE = 50
BEGUN_S = 1.5
"""The generator is a process of its own; by then it sends."""


def under_load(
    service: Service,
    scores: pl.DataFrame,
    act: Callable[[], object],
    *,
    seconds: float = 6.0,
    field: str = "arm",
) -> Result:
    """Let 50 customers a second ask, and something happen meanwhile."""
    requests = [service.by_id(customer) for customer in scores["customer_id"].head(500)]
    spec = Spec(port=service.port, requests=requests, seconds=seconds, rate=RATE, count_field=field)
    load = Running(spec)
    time.sleep(BEGUN_S)
    act()
    return load.result()


def test_the_death_of_a_champion_s_replica_fails_no_request(service: Service, scores: pl.DataFrame) -> None:
    before = {replica.pid for replica in service.replicas("champion")}

    result = under_load(service, scores, lambda: service.kill("champion"))

    assert result.failed == {}
    service.settled(2, 1)
    after = {replica.pid for replica in service.replicas("champion")}
    assert len(after) == 2
    assert after != before


def test_the_champion_answers_while_the_challenger_is_dead(service: Service, scores: pl.DataFrame) -> None:
    result = under_load(service, scores, lambda: service.kill("challenger"), field="fallback")

    assert result.failed == {}
    assert result.counted["true"] > 0
    service.settled(2, 1)
    assert sum(value for name, value in service.metrics().items() if name.startswith("churn_fallbacks")) > 0
    recovered = under_load(service, scores, lambda: None, seconds=2.0, field="fallback")
    assert recovered.counted == {"false": 100}


def test_a_dead_haproxy_is_started_again_within_five_seconds(service: Service, scores: pl.DataFrame) -> None:
    def kill() -> None:
        for pid in service.haproxies():
            os.kill(pid, signal.SIGKILL)

    result = under_load(service, scores, kill, seconds=8.0)

    assert set(result.failed) <= {"refused", "reset"}
    assert result.failures < 5 * RATE
    assert result.last_failure is not None
    assert result.first_failure is not None
    assert result.last_failure - result.first_failure < 5.0
    assert service.metrics()["churn_proxy_revivals_total"] >= 1.0


def test_another_share_is_taken_over_live(service: Service, scores: pl.DataFrame) -> None:
    pids = {replica.pid for replica in service.replicas("champion")}

    result = under_load(service, scores, lambda: service.churn("deploy", "--challenger-share", "1"))

    assert result.failed == {}
    assert set(result.counted) == {"champion", "challenger"}
    assert {replica.pid for replica in service.replicas("champion")} == pids
    assert service.get("/ready")["challenger"]["share"] == 1.0


def test_another_champion_is_taken_over_live_and_rolled_back(service: Service, scores: pl.DataFrame) -> None:
    def change() -> None:
        done = service.churn("deploy", "--champion", "1", "--challenger", "none")
        assert done.returncode == 0, done.stderr

    result = under_load(service, scores, change, field="model_version")

    assert result.failed == {}
    assert service.get("/ready")["champion"]["version"] == "1"
    back = under_load(service, scores, lambda: service.churn("rollback"), field="model_version")
    assert back.failed == {}
    ready = service.get("/ready")
    assert (ready["champion"]["version"], ready["challenger"]["share"]) == ("2", 0.3)


def test_bad_models_leave_the_old_one_answering_and_are_told_of(
    service: Service, scores: pl.DataFrame, tmp_path: Path
) -> None:
    models = models_of(service)
    before = failed_reloads(service)
    told: dict[str, list[dict[str, str]]] = {}

    def push_all() -> None:
        for name, (make, _) in SPOILINGS.items():
            bad = make(service.places, models)
            assert deploy(service, bad, tmp_path) == (1, True), name
            told[name] = service.get("/ready")["failures"]
            shutil.rmtree(service.places.model(bad.digest), ignore_errors=True)

    result = under_load(service, scores, push_all, seconds=25.0, field="model_version")

    assert result.failed == {}
    assert set(result.counted) == {"1", "2"}
    for name, (_, said) in SPOILINGS.items():
        (failure,) = told[name]
        assert said in failure["reason"], name
    assert service.get("/ready")["champion"]["version"] == "2"
    assert failed_reloads(service) - before >= len(SPOILINGS)


def test_a_new_snapshot_is_picked_up_live(service: Service, scores: pl.DataFrame) -> None:
    project = Project.of(service.home)
    matrix = read_matrix(project, project.lake, JUNE).with_columns(pl.col("bill_shock") + 1.0)
    store = FilesStore(service.home.online_store)
    manifest = store.current()
    assert manifest is not None

    def publish() -> None:
        prepared = store.prepare(matrix, manifest.features, month=JUNE, made_at=manifest.made_at, golden=None)
        assert store.publish(prepared).visible

    result = under_load(service, scores, publish, field="features_month")

    assert result.failed == {}
    snapshot = service.get("/ready")["online_store"]["snapshot"]
    assert snapshot != manifest.snapshot_id
    assert {replica.store for replica in service.replicas("champion")} == {snapshot}
    store.roll_back()


def test_other_code_is_rolled_out_with_new_replicas_first(service: Service, scores: pl.DataFrame) -> None:
    before = {replica.pid for replica in service.replicas("champion")}

    result = under_load(service, scores, lambda: service.places.want_code("another"), seconds=20.0)

    assert result.failed == {}
    service.settled(2, 1)
    assert before.isdisjoint({replica.pid for replica in service.replicas("champion")})
    assert {replica.code for replica in service.replicas("champion")} == {"another"}


def models_of(service: Service) -> Models:
    """Return the served models, to be spoilt: the spoilings edit the text of LightGBM's, which comes second."""
    served = sorted(
        (model_of(service, version) for version in ("1", "2")), key=lambda model: model.family, reverse=True
    )
    assert served[1].family == "lightgbm"
    return Models(*served)


def failed_reloads(service: Service) -> float:
    """Return how many configurations the replicas have refused."""
    return service.metrics().get('churn_reload_failures_total{what="configuration"}', 0.0)


def deploy(service: Service, bad: ServedModel, folder: Path) -> tuple[int, bool]:
    """Deploy a model as the champion by a file; return the exit code, and whether the reason was said."""
    wanted = Configuration("champion-challenger", bad)
    file = folder / "configuration.json"
    file.write_bytes(msgspec.json.encode(wanted))
    done = service.churn("deploy", "--file", str(file))
    return done.returncode, "is refused" in done.stderr
