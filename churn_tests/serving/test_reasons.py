"""Reasons that an agent can say aloud: the batch's, within their time, or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import polars as pl
import pytest

from churn_assets.learning.reasons import top_reasons
from churn_tests.serving.asking import ids_of, one, with_features
from churn_tests.serving.conftest import NewStand
from churn_tests.serving.counts import Counts
from churn_tests.serving.event_loop import in_event_loop, until
from churn_tests.serving.links import SimpleLink, dead, slow, with_another_model
from churn_tests.serving.stand import Stand


@pytest.mark.parametrize("share", [0.0, 1.0])
@in_event_loop
async def test_reasons_are_the_batchs_of_the_model_that_gave_the_score(
    share: float, new_stand: NewStand, customers: pl.DataFrame, counts: Counts
) -> None:
    stand = new_stand(explain_budget_ms=5_000.0)
    await stand.begin(stand.configuration(share=share))
    some = customers.head(15)
    expected = top_reasons(stand.models[round(share)], some)

    found = [await one(stand, {"customer_id": each}, explain=True) for each in some["customer_id"]]
    brought = [await one(stand, with_features(row), explain=True) for row in some.iter_rows(named=True)]

    assert [each.reasons for each in found] == [each.reasons for each in brought] == expected
    assert {each.reasons_status for each in found} == {"given"}
    assert counts.of("churn_reasons_total", outcome="given") == 30


@in_event_loop
async def test_reasons_that_come_too_late_are_left_out_and_the_answer_says_so(
    new_stand: NewStand, customers: pl.DataFrame, counts: Counts
) -> None:
    stand = new_stand(explain_budget_ms=20.0)
    await stand.begin()
    hold = threading.Event()
    stand.service._explaining.submit(hold.wait, 10.0)  # somebody else's reasons take long
    try:
        answer = await one(stand, {"customer_id": ids_of(customers, 1)[0]}, explain=True)
    finally:
        hold.set()

    assert (answer.reasons_status, answer.reasons) == ("late", msgspec.UNSET)
    assert answer.churn_probability > 0.0
    assert counts.of("churn_reasons_total", outcome="late") == 1


@in_event_loop
async def test_reasons_do_not_pile_up_behind_slow_ones(new_stand: NewStand, customers: pl.DataFrame) -> None:
    stand = new_stand(explain_budget_ms=50.0)
    await stand.begin()
    hold = threading.Event()
    stand.service._explaining.submit(hold.wait, 10.0)
    asked = [one(stand, {"customer_id": each}, explain=True) for each in ids_of(customers, 30)]
    try:
        found = await asyncio.gather(*asked)
        assert {each.reasons_status for each in found} == {"late"}
        assert stand.service._explaining._work_queue.qsize() <= 8
    finally:
        hold.set()
    await until(lambda: stand.service._explanations == 0)

    again = await one(stand, {"customer_id": ids_of(customers, 1)[0]}, explain=True)
    assert again.reasons_status == "given"


@pytest.mark.parametrize(
    ("link", "status"), [(slow, "late"), (dead, "unavailable"), (with_another_model, "unavailable")]
)
@in_event_loop
async def test_the_challengers_reasons_may_fail_where_its_score_did_not(
    link: Callable[[], SimpleLink], status: str, new_stand: NewStand, customers: pl.DataFrame
) -> None:
    class Half(SimpleLink):
        async def reasons(self, digest: str, rows: Any) -> list[list[str]]:  # noqa: ANN401  a matrix
            return await link().reasons(digest, rows)

    stand = new_stand(Half(), explain_budget_ms=20.0)
    await stand.begin(stand.configuration(share=1.0))

    answer = await one(stand, {"customer_id": ids_of(customers, 1)[0]}, explain=True)

    assert (answer.arm, answer.reasons_status, answer.reasons) == ("challenger", status, msgspec.UNSET)


@in_event_loop
async def test_a_champion_that_cannot_explain_answers_without_reasons(
    stand: Stand, customers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.begin()

    def broken(_rows: object) -> list[list[str]]:
        raise ArithmeticError

    monkeypatch.setattr(stand.service.in_force().served.scorer, "reasons", broken)
    answer = await one(stand, {"customer_id": ids_of(customers, 1)[0]}, explain=True)

    assert (answer.reasons_status, answer.reasons) == ("unavailable", msgspec.UNSET)
