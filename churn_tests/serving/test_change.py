"""Changing what is served, from outside: seen through until all replicas serve it, or taken back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from churn_assets.domain.assignment import Arm
from churn_serving import change as module
from churn_serving.change import Changer, Outcome, RunningService, running_service
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.places import ServingPlaces
from churn_serving.replica_status import Failure, ReplicaStatus
from churn_tests.serving.spoiling import SPOILINGS, Spoiling
from churn_tests.serving.stand import Models, served

Replica = Callable[[int], tuple[int, str]]
"""Says of a wanted configuration which number is in force, and why not the wanted one."""
CODE = "c0de"
LIVING = (os.getpid(), os.getppid(), 1)
"""Processes that are there."""


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.005)


@pytest.fixture
def plain(models: Models) -> Configuration:
    return Configuration("spring", served(models.champion, "1"))


@pytest.fixture
def trial(models: Models) -> Configuration:
    return Configuration("spring", served(models.champion, "1"), served(models.challenger, "2"), 0.1)


@contextmanager
def running(places: ServingPlaces, **replicas: Replica) -> Iterator[None]:
    """Let a service run whose replicas take over, late, what is wanted: real status files, written by a thread."""
    places.replicas.mkdir(parents=True, exist_ok=True)
    places.service.write_bytes(msgspec.json.encode(RunningService(os.getpid(), "127.0.0.1", 8000)))
    ended = threading.Event()

    def beat() -> None:
        history = Changer(places).history
        while not ended.wait(0.01):
            wanted = history.wanted()
            if wanted is None:
                continue
            for pid, (name, replica) in zip(LIVING, replicas.items(), strict=False):
                number, refusal = replica(wanted.number)
                failures = (Failure("configuration", str(wanted.number), refusal, ""),) if refusal else ()
                arm: Arm = "challenger" if name == "challenger" else "champion"
                status = ReplicaStatus(pid, arm, wanted.number, number, "", CODE, failures)
                _written(places.replicas / f"{pid}.json", status)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        places.service.unlink()


def _written(path: Path, status: ReplicaStatus) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(status))
    beside.replace(path)


def takes(wanted: int) -> tuple[int, str]:
    return wanted, ""


def refuses(wanted: int) -> tuple[int, str]:
    return wanted - 1, "version 2 is not served: its file is torn"


def sleeps(_wanted: int) -> tuple[int, str]:
    return 0, ""


def after(seconds: float) -> Replica:
    """Return a replica that needs a while."""
    started = time.monotonic()
    return lambda wanted: (wanted if time.monotonic() - started > seconds else 0, "")


def state(changer: Changer) -> tuple[int | None, int | None]:
    """Return the numbers of what is wanted and what is served."""
    wanted, now = changer.history.wanted(), changer.history.served()
    return wanted.number if wanted else None, now.number if now else None


def test_a_change_is_done_when_every_replica_serves_it(
    places: ServingPlaces, plain: Configuration, trial: Configuration
) -> None:
    changer = Changer(places)
    started = time.monotonic()
    with running(places, first=takes, second=after(0.2), challenger=takes):
        outcome = changer.apply(plain)
        assert outcome == Outcome(msgspec.structs.replace(plain, number=1), served=True, running=True)
        assert time.monotonic() - started > 0.15

        assert changer.apply(trial).served
    assert state(changer) == (2, 2)


def test_what_a_replica_refuses_is_taken_back_and_its_reason_told(
    places: ServingPlaces, plain: Configuration, trial: Configuration
) -> None:
    changer = Changer(places)
    with running(places, first=takes, second=takes):
        changer.apply(plain)
    with running(places, first=takes, second=refuses):
        outcome = changer.apply(trial)

    assert (outcome.served, outcome.running) == (False, True)
    assert outcome.reason == "version 2 is not served: its file is torn"
    assert state(changer) == (1, 1)
    assert changer.history.read(2) == outcome.configuration  # it stays in the history


def test_what_is_not_taken_over_in_time_is_taken_back(
    places: ServingPlaces, plain: Configuration, trial: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    changer = Changer(places)
    with running(places, first=takes):
        changer.apply(plain)
    monkeypatch.setattr(module, "_WITHIN_S", 0.2)
    with running(places, first=takes, challenger=sleeps):
        outcome = changer.apply(trial)

    assert "did not take it over within" in outcome.reason
    assert state(changer) == (1, 1)


def test_a_roll_out_of_code_is_done_when_every_replica_runs_it(
    places: ServingPlaces, plain: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    changer = Changer(places)
    with running(places, first=takes, challenger=takes):
        assert changer.apply(plain, code=CODE).served
        assert places.wanted_code() == CODE

        monkeypatch.setattr(module, "_WITHIN_S", 0.2)
        assert not changer.apply(plain, code="newer").served
        assert changer.apply(plain).served


def test_a_challenger_alone_serves_nothing(
    places: ServingPlaces, plain: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WITHIN_S", 0.2)
    with running(places, challenger=takes):
        assert not Changer(places).apply(plain).served


def test_where_nothing_runs_the_models_are_proven_and_wanted_for_the_next_start(
    places: ServingPlaces, trial: Configuration
) -> None:
    changer = Changer(places)

    outcome = changer.apply(trial)

    assert (outcome.served, outcome.running, outcome.reason) == (True, False, "")
    assert state(changer) == (1, None)


def test_a_first_change_that_is_refused_leaves_nothing_wanted(
    places: ServingPlaces, plain: Configuration
) -> None:
    changer = Changer(places)

    assert not changer.apply(msgspec.structs.replace(plain, champion=ServedModel("9", "9" * 64))).served

    assert state(changer) == (None, None)


@pytest.mark.parametrize(("spoil", "said"), SPOILINGS.values(), ids=SPOILINGS)
@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_where_nothing_runs_a_bad_model_is_refused_too_and_what_was_wanted_stays(
    places: ServingPlaces,
    models: Models,
    plain: Configuration,
    trial: Configuration,
    spoil: Spoiling,
    said: str,
    arm: str,
) -> None:
    changer = Changer(places)
    changer.apply(plain)
    bad = spoil(places, models)

    outcome = changer.apply(msgspec.structs.replace(trial, **{arm: bad}))

    assert (outcome.served, outcome.running) == (False, False)
    assert said in outcome.reason
    assert state(changer) == (1, None)


def test_what_was_wanted_while_nothing_ran_is_what_a_refusal_comes_back_to(
    places: ServingPlaces, plain: Configuration, trial: Configuration
) -> None:
    changer = Changer(places)
    with running(places, first=takes):
        changer.apply(plain)
    changer.apply(trial)  # for the next start
    changer.apply(msgspec.structs.replace(plain, champion=ServedModel("9", "9" * 64)))

    assert state(changer) == (2, 1)


def test_a_roll_back_applied_twice_is_where_it_began(
    places: ServingPlaces, plain: Configuration, trial: Configuration
) -> None:
    changer = Changer(places)
    with running(places, first=takes, second=takes):
        changer.apply(plain)
        changer.apply(trial)
        for expected in (plain, trial):
            before = changer.history.before()
            assert before is not None
            assert before.serves_as(expected)
            assert changer.apply(before).served

    assert state(changer) == (4, 4)


def test_one_change_waits_for_another(
    places: ServingPlaces, plain: Configuration, trial: Configuration
) -> None:
    outcomes: list[Outcome] = []
    with running(places, first=after(0.2), second=takes):
        changes = [
            threading.Thread(target=lambda each=each: outcomes.append(Changer(places).apply(each)))
            for each in (plain, trial)
        ]
        for change in changes:
            change.start()
        for change in changes:
            change.join()

    assert [outcome.configuration.number for outcome in outcomes] == [1, 2]
    assert all(outcome.served for outcome in outcomes)


def test_a_service_is_known_by_what_its_main_process_wrote_as_long_as_that_lives(
    places: ServingPlaces,
) -> None:
    assert running_service(places) is None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    places.root.mkdir(parents=True)
    for pid, lives in ((os.getpid(), True), (ended.pid, False)):
        places.service.write_bytes(msgspec.json.encode(RunningService(pid, "127.0.0.1", 8123)))
        found = running_service(places)
        assert (found is not None) == lives
        assert found is None or found.url == "http://127.0.0.1:8123"

    places.service.write_bytes(b"{")
    assert running_service(places) is None
