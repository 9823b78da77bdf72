"""Taking configurations over: proven beside, swapped whole; one that is bad leaves what is in force."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import polars as pl
import pytest

from churn_assets.domain.months import Month
from churn_serving import keeper as module
from churn_serving.configuration import ServedModel
from churn_serving.proving import RefusedModel
from churn_tests.serving.asking import one
from churn_tests.serving.conftest import NewStand, publish
from churn_tests.serving.counts import Counts, samples_of
from churn_tests.serving.event_loop import in_event_loop, until
from churn_tests.serving.keeping import FAILED, asked, champion, report, watching
from churn_tests.serving.links import SimpleLink, dead
from churn_tests.serving.spoiling import SPOILINGS, VERSION, Spoiling, kept, with_other_calibration
from churn_tests.serving.stand import Stand, served

pytestmark = pytest.mark.usefixtures("restless_keeper")


@in_event_loop
async def test_before_the_first_configuration_a_replica_is_not_ready(stand: Stand) -> None:
    assert stand.keeper.report() == (False, {"ready": False, "failures": []})


@in_event_loop
async def test_a_ready_replica_says_what_it_serves(stand: Stand, customers: pl.DataFrame) -> None:
    await stand.begin(stand.configuration(3, share=0.2, shadow=True))

    ready, found = stand.keeper.report()

    manifest = stand.store.current()
    assert ready
    assert manifest is not None
    assert 0 <= found["online_store"].pop("age_seconds") < 63 * 86_400
    assert found == {
        "ready": True,
        "configuration": 3,
        "experiment": "spring",
        "champion": {"version": "1", "digest": stand.models.champion.digest},
        "challenger": {
            "version": "2",
            "digest": stand.models.challenger.digest,
            "share": 0.2,
            "shadow": True,
            "away": False,
        },
        "online_store": {
            "snapshot": manifest.snapshot_id,
            "month": str(manifest.month),
            "customers": customers.height,
            "stale": False,
        },
        "failures": [],
    }


@in_event_loop
async def test_a_new_configuration_is_swapped_in_whole(stand: Stand, counts: Counts) -> None:
    await stand.begin()
    assert report(stand)["challenger"] is None

    await asked(stand, stand.configuration(2, share=0.5))

    assert stand.number == 2
    assert report(stand)["challenger"]["share"] == 0.5
    assert set(stand.service.in_force().served.views) == {"champion", "challenger"}
    assert stand.service.in_force().store is not None
    assert counts.of(FAILED) == 0


@in_event_loop
async def test_a_change_of_the_split_alone_loads_no_model_again(stand: Stand) -> None:
    await stand.begin(stand.configuration(1, share=0.1))
    scorer = stand.service.in_force().served.scorer

    await asked(stand, stand.configuration(2, share=0.2))

    assert stand.number == 2
    assert stand.service.in_force().served.scorer is scorer


@in_event_loop
async def test_the_metrics_show_the_configuration_and_the_versions_in_force(stand: Stand) -> None:
    await stand.begin(stand.configuration(4, share=0.1))
    await asked(stand, champion(stand, served(stand.models.challenger, "2"), 5))

    found = samples_of(stand.telemetry.text())

    assert found["churn_configuration", frozenset({("arm", "champion")})] == 5
    serving = {labels for (name, labels), value in found.items() if name == "churn_model_info" and value == 1}
    assert serving == {frozenset({("arm", "champion"), ("version", "2")})}


@in_event_loop
async def test_a_request_keeps_the_configuration_that_it_began_with(
    new_stand: NewStand, customers: pl.DataFrame
) -> None:
    link = SimpleLink(delay_s=0.1)
    stand = new_stand(link, challenger_timeout_ms=5_000.0)
    await stand.begin(stand.configuration(1, share=1.0))
    begun = asyncio.ensure_future(one(stand, {"customer_id": customers["customer_id"][0]}))
    await until(lambda: link.digests)

    await asked(stand, stand.configuration(2, experiment="summer"))

    assert stand.number == 2
    answer = await begun
    assert (answer.arm, answer.experiment) == ("challenger", "spring")


@pytest.mark.parametrize(("spoil", "said"), SPOILINGS.values(), ids=SPOILINGS)
@in_event_loop
async def test_a_bad_champion_is_refused_and_the_old_one_answers_on(
    stand: Stand, customers: pl.DataFrame, counts: Counts, spoil: Spoiling, said: str
) -> None:
    await stand.begin()
    customer = customers["customer_id"][0]
    before = await one(stand, {"customer_id": customer})

    await asked(stand, champion(stand, spoil(stand.places, stand.models), 2))

    assert await one(stand, {"customer_id": customer}) == before
    assert (stand.number, stand.keeper.asked) == (1, 2)
    ready, found = stand.keeper.report()
    (failure,) = found["failures"]
    assert ready
    assert (found["configuration"], failure["what"], failure["name"]) == (1, "configuration", "2")
    assert f"version {VERSION} is not served" in failure["reason"]
    assert said in failure["reason"]
    assert counts.of(FAILED, what="configuration") == 1


@pytest.mark.parametrize(("spoil", "said"), SPOILINGS.values(), ids=SPOILINGS)
@in_event_loop
async def test_a_bad_challenger_is_refused_and_the_old_configuration_answers_on(
    stand: Stand, counts: Counts, spoil: Spoiling, said: str
) -> None:
    await stand.begin(stand.configuration(1, share=0.1))
    bad = spoil(stand.places, stand.models)

    await asked(stand, msgspec.structs.replace(stand.configuration(2, share=0.2), challenger=bad))

    assert stand.number == 1
    (failure,) = report(stand)["failures"]
    assert said in failure["reason"]
    assert counts.of(FAILED, what="configuration") == 2  # the champion's replica, and the challenger's own


@in_event_loop
async def test_a_champion_whose_golden_scores_are_other_than_the_batchs_is_refused(
    stand: Stand, customers: pl.DataFrame
) -> None:
    await stand.begin()
    other = kept(stand.places, with_other_calibration(stand.models.champion))
    publish(stand.store, customers, with_other_calibration(stand.models.champion), months_ago=0, shift=0.01)
    async with watching(stand):
        await until(lambda: report(stand)["online_store"]["month"] == str(Month.of(datetime.now(UTC).date())))

    await asked(stand, champion(stand, other, 2))

    (failure,) = report(stand)["failures"]
    assert "otherwise than the batch did" in failure["reason"]
    assert stand.number == 1


@in_event_loop
async def test_a_challenger_that_no_replica_holds_in_time_is_refused(new_stand: NewStand) -> None:
    link = SimpleLink()
    stand = new_stand(link)
    await stand.begin()
    link.ready = "loading"

    await asked(stand, stand.configuration(2, share=0.1))

    (failure,) = report(stand)["failures"]
    assert "version 2 is not served: no replica of the challenger held it" in failure["reason"]
    assert stand.number == 1


@in_event_loop
async def test_a_challenger_is_waited_for_while_it_loads(
    new_stand: NewStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHALLENGER_WITHIN_S", 10.0)
    link = SimpleLink(raises=ConnectionResetError(), ready="loading")
    stand = new_stand(link)
    await stand.begin()
    stand.keeper.ask(stand.configuration(2, share=0.1))
    await asyncio.sleep(0.15)
    assert stand.number == 1

    link.raises, link.ready = None, "ready"

    await until(lambda: stand.number == 2)


@in_event_loop
async def test_the_same_bad_configuration_again_is_the_same_failure(stand: Stand, counts: Counts) -> None:
    await stand.begin()
    bad = champion(stand, ServedModel("9", "9" * 64), 2)

    for _ in range(3):
        await asked(stand, bad)

    assert len(report(stand)["failures"]) == 1
    assert counts.of(FAILED, what="configuration") == 1


@in_event_loop
async def test_going_back_to_an_older_configuration_leaves_the_failure_to_be_seen_and_a_newer_one_heals(
    stand: Stand,
) -> None:
    await stand.begin()
    await asked(stand, champion(stand, ServedModel("9", "9" * 64), 2))

    await asked(stand, stand.configuration(1))
    assert [failure["name"] for failure in report(stand)["failures"]] == ["2"]

    await asked(stand, stand.configuration(3))
    assert report(stand)["failures"] == []


@in_event_loop
async def test_of_several_that_are_asked_for_the_newest_stays(stand: Stand, counts: Counts) -> None:
    await stand.begin()
    await stand.host.take(stand.configuration(2, share=0.1))

    stand.keeper.ask(stand.configuration(2, share=0.1))
    stand.keeper.ask(champion(stand, ServedModel("9", "9" * 64), 3))  # never looked at
    stand.keeper.ask(champion(stand, served(stand.models.challenger, "2"), 4))
    await until(lambda: not stand.keeper._tasks)

    assert stand.number == 4
    assert report(stand)["failures"] == []
    assert counts.of(FAILED) == 0


@in_event_loop
async def test_one_that_is_asked_for_while_another_loads_wins(new_stand: NewStand) -> None:
    link = SimpleLink(ready="loading")
    stand = new_stand(link)
    await stand.begin()

    stand.keeper.ask(stand.configuration(2, share=0.1))
    await asyncio.sleep(0.05)
    stand.keeper.ask(stand.configuration(3))
    await until(lambda: not stand.keeper._tasks)

    assert stand.number == 3
    assert report(stand)["failures"] == []


@in_event_loop
async def test_a_first_configuration_that_is_bad_is_refused_and_nothing_answers(stand: Stand) -> None:
    with pytest.raises(RefusedModel, match="version 9 is not served"):
        await stand.begin(champion(stand, ServedModel("9", "9" * 64), 1))

    assert not stand.keeper.report()[0]


@in_event_loop
async def test_a_first_configuration_whose_challenger_nobody_holds_answers_with_the_champion(
    new_stand: NewStand,
) -> None:
    """A champion's replica that starts while the challenger is dead must not wait for it."""
    stand = new_stand(dead())

    await stand.keeper.begin(stand.configuration(1, share=0.1))

    assert stand.number == 1
    assert report(stand)["ready"]
