"""The challenger's own replica: which models it holds, what it scores, and what it refuses."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn_assets.adapters.online_store import FilesStore
from churn_assets.learning.encoding import encode
from churn_assets.learning.reasons import top_reasons
from churn_serving.challenger import WrongModel
from churn_serving.challenger_host import ChallengerHost
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.places import ServingPlaces
from churn_serving.telemetry import Telemetry
from churn_tests.serving.conftest import publish
from churn_tests.serving.counts import Counts
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.spoiling import SPOILINGS, Spoiling, kept, with_other_calibration
from churn_tests.serving.stand import Models, served


@pytest.fixture
def host(places: ServingPlaces, store: FilesStore, telemetry: Telemetry) -> ChallengerHost:
    return ChallengerHost(places, store, telemetry)


def trial(number: int, challenger: ServedModel | None) -> Configuration:
    share = 0.0 if challenger is None else 0.1
    return Configuration("spring", ServedModel("0", "0" * 64), challenger, share, number=number)


@in_event_loop
async def test_it_scores_and_explains_as_the_batch_does(
    host: ChallengerHost, models: Models, customers: pl.DataFrame
) -> None:
    model = models.challenger
    await host.take(trial(1, served(model, "2")))
    rows = encode(customers.head(20), model.contract.features)

    scores = np.frombuffer(host.score(model.digest, rows.tobytes()), dtype=np.float64)

    assert scores.tolist() == model.probabilities(customers.head(20)).tolist()
    assert await host.reasons(model.digest, rows.tobytes()) == top_reasons(model, customers.head(20))
    assert (host.readiness(model.digest, 1), host.in_force, host.failures) == ("ready", 1, {})


@in_event_loop
async def test_before_a_configuration_has_come_it_is_loading_and_scores_nothing(
    host: ChallengerHost, models: Models
) -> None:
    assert host.readiness(models.challenger.digest, 1) == "loading"
    with pytest.raises(WrongModel):
        host.score(models.challenger.digest, b"")
    with pytest.raises(WrongModel):
        await host.reasons(models.challenger.digest, b"")


@in_event_loop
async def test_it_holds_the_model_under_trial_and_the_one_before_it(
    host: ChallengerHost, places: ServingPlaces, models: Models
) -> None:
    third = kept(places, with_other_calibration(models.challenger))
    for number, model in enumerate(
        [served(models.champion, "1"), served(models.challenger, "2"), third], start=1
    ):
        await host.take(trial(number, model))

    held = [
        host.readiness(digest, 9)
        for digest in (models.champion.digest, models.challenger.digest, third.digest)
    ]

    assert held == ["loading", "ready", "ready"]


@in_event_loop
async def test_a_configuration_without_a_challenger_leaves_what_is_held(
    host: ChallengerHost, models: Models
) -> None:
    await host.take(trial(1, served(models.challenger, "2")))
    await host.take(trial(2, None))

    assert (host.readiness(models.challenger.digest, 2), host.in_force) == ("ready", 2)


@pytest.mark.parametrize(("spoil", "said"), SPOILINGS.values(), ids=SPOILINGS)
@in_event_loop
async def test_a_bad_model_is_refused_with_its_reason_and_the_one_before_goes_on(
    host: ChallengerHost, places: ServingPlaces, models: Models, counts: Counts, spoil: Spoiling, said: str
) -> None:
    bad = spoil(places, models)
    await host.take(trial(1, served(models.challenger, "2")))

    await host.take(trial(2, bad))

    assert said in host.readiness(bad.digest, 2)
    assert host.readiness(bad.digest, 3) == "loading"  # another configuration has not come here yet
    assert host.readiness(models.challenger.digest, 2) == "ready"
    assert (host.asked, host.in_force) == (2, 1)
    (failure,) = host.failures.values()
    assert (failure.name, said in failure.reason) == ("2", True)
    assert counts.of("churn_reload_failures_total", what="configuration") == 1


@in_event_loop
async def test_a_failure_is_forgotten_when_a_newer_configuration_is_taken_but_not_an_older_one(
    host: ChallengerHost, models: Models
) -> None:
    await host.take(trial(2, ServedModel("9", "9" * 64)))

    await host.take(trial(1, served(models.challenger, "2")))
    assert [failure.name for failure in host.failures.values()] == ["2"]

    await host.take(trial(3, served(models.challenger, "2")))
    assert host.failures == {}


@in_event_loop
async def test_a_model_that_was_mended_is_taken_at_the_next_try(
    host: ChallengerHost, places: ServingPlaces, models: Models
) -> None:
    new = with_other_calibration(models.challenger)
    await host.take(trial(1, ServedModel("3", new.digest)))
    assert "no model folder" in host.readiness(new.digest, 1)

    kept(places, new)
    await host.take(trial(2, ServedModel("3", new.digest)))

    assert host.readiness(new.digest, 2) == "ready"


@in_event_loop
async def test_golden_scores_of_its_own_that_are_not_made_again_refuse_it(
    host: ChallengerHost, store: FilesStore, models: Models, customers: pl.DataFrame
) -> None:
    publish(store, customers, models.challenger, shift=0.1)

    await host.take(trial(1, served(models.challenger, "2")))

    assert "otherwise than the batch did" in host.readiness(models.challenger.digest, 1)


@in_event_loop
async def test_a_store_that_cannot_be_read_does_not_keep_a_good_model_away(
    host: ChallengerHost, store: FilesStore, models: Models
) -> None:
    (store.root / "pointer.json").write_text("{")

    await host.take(trial(1, served(models.challenger, "2")))

    assert host.readiness(models.challenger.digest, 1) == "ready"
