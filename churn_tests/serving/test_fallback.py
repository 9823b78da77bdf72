"""Whatever the challenger does, the champion answers; and the challenger's shadow costs nobody anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import polars as pl
import pytest

from churn_assets.domain.assignment import Split
from churn_serving import challenger as challenger_module
from churn_tests.serving.asking import answers_of, by_batch, ids_of, many, one
from churn_tests.serving.conftest import NewStand
from churn_tests.serving.counts import Counts
from churn_tests.serving.event_loop import in_event_loop, until
from churn_tests.serving.links import TROUBLES, SimpleLink, dead, slow, with_another_model, wrong
from churn_tests.serving.stand import Stand


@pytest.mark.parametrize(("reason", "link"), TROUBLES.items())
@in_event_loop
async def test_whatever_ails_the_challenger_the_champion_answers_and_it_is_marked_and_counted(
    reason: str, link: Callable[[], SimpleLink], new_stand: NewStand, customers: pl.DataFrame, counts: Counts
) -> None:
    well = SimpleLink()
    stand = new_stand(well, challenger_timeout_ms=20.0)
    await stand.begin(stand.configuration(share=1.0))
    well.becomes(link())
    batch = by_batch(stand.models.champion, customers)
    known = ids_of(customers, 8)

    single = [await one(stand, {"customer_id": customer}) for customer in known[:2]]
    together = answers_of(await many(stand, [{"customer_id": customer} for customer in known[2:5]]))
    later = [await one(stand, {"customer_id": customer}) for customer in known[5:]]

    for answer in (*single, *together, *later):
        assert answer.churn_probability == batch[answer.customer_id]["churn_probability"]
        assert (answer.arm, answer.model_version, answer.fallback) == ("champion", "1", True)
        assert answer.threshold == stand.models.champion.threshold
    assert counts.of("churn_fallbacks_total", reason=reason) == 2 + 3
    assert counts.of("churn_fallbacks_total", reason="away") == 3
    assert counts.of("churn_fallbacks_total") == 8
    assert counts.of("churn_predictions_total", arm="champion") == 8
    assert counts.of("churn_predictions_total", arm="challenger") == 0


@in_event_loop
async def test_when_the_challenger_is_back_it_answers_again(
    new_stand: NewStand, customers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenger_module, "_PROBE_EVERY_S", 0.02)
    link = SimpleLink()
    stand = new_stand(link, challenger_timeout_ms=20.0)
    await stand.begin(stand.configuration(share=1.0))
    customer = {"customer_id": ids_of(customers, 1)[0]}
    link.raises = ConnectionResetError()
    assert [(await one(stand, customer)).fallback for _ in range(4)] == [True] * 4
    assert stand.challenger.away

    link.raises = None
    await until(lambda: not stand.challenger.away)

    answer = await one(stand, customer)
    assert (answer.arm, answer.fallback, answer.churn_probability) == ("challenger", False, 0.5)


@in_event_loop
async def test_in_a_batch_only_the_challengers_customers_fall_back(
    new_stand: NewStand, customers: pl.DataFrame
) -> None:
    well = SimpleLink()
    stand = new_stand(well)
    await stand.begin(stand.configuration(share=0.5))
    well.becomes(dead())
    known = ids_of(customers, 60)
    arms = Split("spring", 0.5).arms_of(known)

    found = await many(stand, [{"customer_id": customer} for customer in known])

    assert [each.fallback for each in answers_of(found)] == [arm == "challenger" for arm in arms]
    assert found.totals.fallbacks == arms.count("challenger")
    assert set(found.totals.arms) == {"champion"}


@pytest.mark.parametrize("link", [SimpleLink, slow, dead, wrong, with_another_model])
@in_event_loop
async def test_the_shadow_changes_no_answer_and_nobody_waits_for_it(
    link: Callable[[], SimpleLink], new_stand: NewStand, customers: pl.DataFrame
) -> None:
    well = SimpleLink()
    stand = new_stand(well, challenger_timeout_ms=2_000.0)
    await stand.begin(stand.configuration(shadow=True))
    well.becomes(link())
    batch = by_batch(stand.models.champion, customers)
    known = ids_of(customers, 30)

    started = time.perf_counter()
    found = [await one(stand, {"customer_id": customer}) for customer in known]
    found += answers_of(await many(stand, [{"customer_id": customer} for customer in known]))
    took = time.perf_counter() - started

    for answer in found:
        assert answer.churn_probability == batch[answer.customer_id]["churn_probability"]
        assert (answer.arm, answer.fallback) == ("champion", False)
    assert took < 1.5  # a single slow shadow takes longer


@in_event_loop
async def test_the_shadow_scores_are_counted_with_their_distance_from_the_champions(
    stand: Stand, customers: pl.DataFrame, counts: Counts
) -> None:
    await stand.begin(stand.configuration(shadow=True))
    known = ids_of(customers, 30)

    await many(stand, [{"customer_id": customer} for customer in known])
    await until(lambda: counts.of("churn_shadow_total", outcome="scored") == 30)

    champion, challenger = (by_batch(model, customers) for model in stand.models)
    apart = [
        abs(champion[each]["churn_probability"] - challenger[each]["churn_probability"]) for each in known
    ]
    assert counts.of("churn_predictions_total", arm="challenger", version="2", mode="shadow") == 30
    assert counts.of("churn_shadow_difference_count") == 30
    assert counts.of("churn_shadow_difference_sum") == pytest.approx(sum(apart))


@in_event_loop
async def test_shadows_are_bounded_and_those_beyond_are_dropped_and_counted(
    new_stand: NewStand, customers: pl.DataFrame, counts: Counts
) -> None:
    link = SimpleLink()
    stand = new_stand(link, shadow_concurrency=2, challenger_timeout_ms=60_000.0)
    await stand.begin(stand.configuration(shadow=True))
    link.delay_s = 30.0

    for customer in ids_of(customers, 10):
        await one(stand, {"customer_id": customer})
        await asyncio.sleep(0)

    assert link.most_under_way == 2
    assert counts.of("churn_shadow_total", outcome="dropped") == 8
    assert counts.of("churn_shadow_total") == 8


@pytest.mark.parametrize(("reason", "link"), TROUBLES.items())
@in_event_loop
async def test_a_shadow_that_fails_is_a_count_and_nothing_else(
    reason: str, link: Callable[[], SimpleLink], new_stand: NewStand, customers: pl.DataFrame, counts: Counts
) -> None:
    well = SimpleLink()
    stand = new_stand(well, challenger_timeout_ms=20.0)
    await stand.begin(stand.configuration(shadow=True))
    well.becomes(link())

    await many(stand, [{"customer_id": customer} for customer in ids_of(customers, 3)])
    await until(lambda: counts.of("churn_shadow_total", outcome=reason) == 3)

    assert counts.of("churn_fallbacks_total") == 0


@in_event_loop
async def test_a_customer_of_the_challenger_casts_no_shadow_and_without_one_nobody_is_asked(
    new_stand: NewStand, customers: pl.DataFrame
) -> None:
    link = SimpleLink()
    stand = new_stand(link)
    await stand.begin(stand.configuration(share=0.5, shadow=True))
    known = ids_of(customers, 40)
    await many(stand, [{"customer_id": customer} for customer in known])
    await until(lambda: len(link.digests) == 2)  # the arm's question, and one of the shadow

    plain = new_stand(link)
    await plain.begin(plain.configuration(share=0.0))
    await many(plain, [{"customer_id": customer} for customer in known])
    await asyncio.sleep(0.05)
    assert len(link.digests) == 2


@in_event_loop
async def test_where_the_challenger_fails_the_shadow_of_the_others_is_scored_or_counted(
    new_stand: NewStand, customers: pl.DataFrame, counts: Counts
) -> None:
    well = SimpleLink()
    stand = new_stand(well)
    await stand.begin(stand.configuration(share=0.5, shadow=True))
    well.becomes(dead())
    known = ids_of(customers, 40)
    theirs = Split("spring", 0.5).arms_of(known).count("challenger")

    await many(stand, [{"customer_id": customer} for customer in known])
    await until(lambda: counts.of("churn_shadow_total") == 40 - theirs)

    assert counts.of("churn_fallbacks_total", reason="failed") == theirs
