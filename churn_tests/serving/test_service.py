"""The heart: each customer on one arm, with the batch's scores, from features or from the store."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import polars as pl
import pytest

from churn_assets.domain.assignment import Split
from churn_serving.answers import Answer, Unscored
from churn_serving.problems import Problem
from churn_tests.serving.asking import answers_of, by_batch, ids_of, many, one, with_features
from churn_tests.serving.counts import Counts
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.stand import Stand


@in_event_loop
async def test_one_customer_by_id_is_answered_as_the_batch_says(
    stand: Stand, customers: pl.DataFrame, counts: Counts
) -> None:
    await stand.begin()
    batch = by_batch(stand.models.champion, customers)

    for customer in ids_of(customers, 50):
        answer = await one(stand, {"customer_id": customer})
        expected = batch[customer]
        assert answer.churn_probability == expected["churn_probability"]
        assert (answer.churn_prediction, answer.risk_band, answer.confidence) == (
            expected["churn_prediction"],
            expected["risk_band"],
            expected["confidence"],
        )
        assert (answer.customer_id, answer.model_version, answer.arm, answer.experiment) == (
            customer,
            "1",
            "champion",
            "spring",
        )
        assert answer.threshold == stand.models.champion.threshold
        assert (answer.features_stale, answer.fallback) == (False, False)
        assert (answer.reasons, answer.reasons_status) == (msgspec.UNSET, msgspec.UNSET)
    assert counts.of("churn_predictions_total", arm="champion", version="1", mode="id") == 50
    assert counts.of("churn_score_count", arm="champion") == 50


@in_event_loop
async def test_features_in_the_request_give_the_same_score_as_the_same_features_in_the_store(
    stand: Stand, customers: pl.DataFrame, counts: Counts
) -> None:
    await stand.begin()

    for row in customers.head(50).iter_rows(named=True):
        given = await one(stand, with_features(row))
        stored = await one(stand, {"customer_id": row["customer_id"]})
        assert given.churn_probability == stored.churn_probability
        assert (given.features_month, given.features_stale) == (None, False)
        assert stored.features_month is not None
    assert counts.of("churn_predictions_total", mode="features") == 50


@in_event_loop
async def test_overrides_are_scored_as_if_the_month_had_held_them(
    stand: Stand, customers: pl.DataFrame
) -> None:
    await stand.begin()
    overrides = {"unresolved_tickets": 3.5, "contract_type": "annual", "days_since_last_call": None}
    changed = customers.head(20).with_columns(
        pl.lit(3.5).alias("unresolved_tickets"),
        pl.lit("annual").alias("contract_type"),
        pl.lit(None, pl.Float64).alias("days_since_last_call"),
    )
    expected = by_batch(stand.models.champion, changed)

    for customer in ids_of(customers, 20):
        answer = await one(stand, {"customer_id": customer, "overrides": overrides})
        assert answer.churn_probability == expected[customer]["churn_probability"]


@in_event_loop
async def test_a_batch_is_answered_in_its_order_on_both_arms_and_summed_up(
    stand: Stand, customers: pl.DataFrame, counts: Counts
) -> None:
    await stand.begin(stand.configuration(share=0.4))
    known = ids_of(customers, 200)
    asked = [{"customer_id": customer} for customer in [*known[:100], 7, *known[100:]]]

    found = await many(stand, asked)

    assert [each.customer_id for each in found.results] == [each["customer_id"] for each in asked]
    assert isinstance(found.results[100], Unscored)
    answers = [each for each in found.results if isinstance(each, Answer)]
    champion, challenger = (by_batch(model, customers) for model in stand.models)
    for answer in answers:
        batch = champion if answer.arm == "champion" else challenger
        assert answer.churn_probability == batch[answer.customer_id]["churn_probability"]
        assert answer.churn_prediction == batch[answer.customer_id]["churn_prediction"]
    shares = {arm: sum(each.arm == arm for each in answers) for arm in ("champion", "challenger")}
    assert (found.totals.customers, found.totals.scored, found.totals.unknown) == (201, 200, 1)
    assert {arm: total.customers for arm, total in found.totals.arms.items()} == shares
    assert {arm: total.model_version for arm, total in found.totals.arms.items()} == {
        "champion": "1",
        "challenger": "2",
    }
    assert min(shares.values()) > 40
    assert found.totals.predicted_churners == sum(each.churn_prediction for each in answers)
    assert found.totals.mean_probability == pytest.approx(
        sum(each.churn_probability for each in answers) / 200
    )
    assert found.totals.fallbacks == 0
    assert (
        counts.of("churn_predictions_total", arm="challenger", version="2", mode="batch")
        == shares["challenger"]
    )
    assert counts.of("churn_batch_customers_sum") == 201
    assert counts.of("churn_unknown_customers_total") == 1


@in_event_loop
async def test_a_batch_of_strangers_has_no_scores(stand: Stand) -> None:
    await stand.begin()

    found = await many(stand, [{"customer_id": 7}, {"customer_id": 8}])

    assert (found.totals.scored, found.totals.unknown, found.totals.mean_probability) == (0, 2, None)


@in_event_loop
async def test_a_batch_may_mix_ids_features_and_overrides_and_name_its_threshold(
    stand: Stand, customers: pl.DataFrame
) -> None:
    await stand.begin()
    row = customers.row(0, named=True)
    by_id = {"customer_id": row["customer_id"]}
    overridden = by_id | {"overrides": {"unresolved_tickets": row["unresolved_tickets"]}}

    first, second, third = answers_of(
        await many(stand, [by_id, with_features(row), overridden], threshold=0.0)
    )

    assert first.churn_probability == second.churn_probability == third.churn_probability
    assert first.threshold == 0.0
    assert first.churn_prediction
    assert first.features_month == third.features_month
    assert second.features_month is None


@in_event_loop
async def test_a_customer_stays_on_one_arm_which_is_the_split_of_the_experiment(
    stand: Stand, customers: pl.DataFrame
) -> None:
    await stand.begin(stand.configuration(share=0.3, experiment="autumn"))
    known = ids_of(customers, 100)

    arms = [[(await one(stand, {"customer_id": each})).arm for each in known] for _ in range(2)]
    batch = [each.arm for each in answers_of(await many(stand, [{"customer_id": each} for each in known]))]

    assert arms[0] == arms[1] == batch == Split("autumn", 0.3).arms_of(known)


@in_event_loop
async def test_before_a_model_is_there_nobody_is_scored(stand: Stand) -> None:
    with pytest.raises(Problem, match="no model is loaded yet") as problem:
        stand.service.in_force()

    assert (problem.value.status, problem.value.retry_after_s) == (503, 1)


@in_event_loop
async def test_a_stranger_is_unknown(stand: Stand, counts: Counts) -> None:
    await stand.begin()

    with pytest.raises(Problem) as problem:
        await one(stand, {"customer_id": 7})

    assert (problem.value.status, problem.value.field) == (404, "$.customer_id")
    assert counts.of("churn_unknown_customers_total") == 1


@in_event_loop
async def test_a_stranger_with_features_is_scored(stand: Stand, customers: pl.DataFrame) -> None:
    await stand.begin()

    answer = await one(stand, with_features(customers.row(0, named=True) | {"customer_id": 7}))

    assert answer.customer_id == 7


@in_event_loop
async def test_a_store_that_fails_is_a_problem_for_those_who_come_by_id_alone(
    stand: Stand, customers: pl.DataFrame
) -> None:
    await stand.begin()
    store = stand.service.in_force().store
    assert store is not None
    await store.snapshot.close()

    for ask in (one(stand, {"customer_id": 7}), many(stand, [{"customer_id": 7}, {"customer_id": 8}])):
        with pytest.raises(Problem, match="cannot be read at the moment") as problem:
            await ask
        assert (problem.value.status, problem.value.retry_after_s) == (503, 1)
    assert (await one(stand, with_features(customers.row(0, named=True)))).churn_probability > 0.0


@in_event_loop
async def test_many_rows_are_scored_beside_the_event_loop(stand: Stand, customers: pl.DataFrame) -> None:
    await stand.begin()
    threads: list[str] = []
    scorer = stand.service.in_force().served.scorer
    score = scorer.probabilities

    def watched(rows: Any) -> list[float]:  # noqa: ANN401  a matrix
        threads.append(threading.current_thread().name)
        return score(rows)

    scorer.probabilities = watched  # type: ignore[method-assign]
    await many(stand, [{"customer_id": each} for each in ids_of(customers, 64)])
    await many(stand, [{"customer_id": each} for each in ids_of(customers, 65)])

    assert threads[0] == threading.current_thread().name
    assert threads[1].startswith("score")
