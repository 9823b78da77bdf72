"""The challenger seen by the champion: slow, dead or wrong at any moment, and never waited for twice in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from churn_serving import challenger as module
from churn_serving.challenger import Away, Challenger
from churn_tests.serving.event_loop import in_event_loop, until
from churn_tests.serving.links import TROUBLES, SimpleLink, dead, slow, with_another_model

DIGEST, OTHER = "d" * 64, "e" * 64
ROWS = np.ones((2, 3), dtype=np.float32)


@pytest.fixture(autouse=True)
def _probes_follow_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROBE_EVERY_S", 0.02)


async def refused(challenger: Challenger, digest: str = DIGEST) -> str:
    """Return why the challenger gives no answer."""
    with pytest.raises(Away) as away:
        await challenger.score(digest, ROWS)
    return away.value.reason


@in_event_loop
async def test_a_challenger_that_is_well_is_given_the_rows() -> None:
    link = SimpleLink(probability=0.25)
    challenger = Challenger(link, timeout_s=1.0)

    assert await challenger.score(DIGEST, ROWS) == [0.25, 0.25]
    assert await challenger.reasons(DIGEST, ROWS, budget_s=1.0) == [["open complaint"]] * 2
    assert await challenger.readiness(DIGEST, 3) == "ready"
    assert link.digests == [DIGEST]
    assert not challenger.away


@pytest.mark.parametrize(("reason", "link"), TROUBLES.items())
@in_event_loop
async def test_trouble_is_one_word(reason: str, link: Callable[[], SimpleLink]) -> None:
    challenger = Challenger(link(), timeout_s=0.02)

    assert await refused(challenger) == reason


@pytest.mark.parametrize(
    "answer", [[], [0.5], [0.5] * 3, [0.5, 1.1], [-0.1, 0.5], [0.5, float("nan")], [0.5, float("inf")]]
)
@in_event_loop
async def test_an_answer_that_is_not_a_probability_for_each_row_is_wrong(answer: list[float]) -> None:
    challenger = Challenger(SimpleLink(answer=answer), timeout_s=1.0)

    assert await refused(challenger) == "wrong"


@pytest.mark.parametrize(("reason", "link"), TROUBLES.items())
@in_event_loop
async def test_after_three_failures_in_a_row_nobody_waits(
    reason: str, link: Callable[[], SimpleLink]
) -> None:
    changes: list[bool] = []
    troubled = link()
    challenger = Challenger(troubled, timeout_s=0.02, on_change=changes.append)

    assert [await refused(challenger) for _ in range(3)] == [reason] * 3
    assert challenger.away
    assert changes == [True]
    assert [await refused(challenger) for _ in range(100)] == ["away"] * 100
    assert len(troubled.digests) == 3, "it is not even asked"


@in_event_loop
async def test_an_answer_between_failures_is_a_new_beginning() -> None:
    link = dead()
    challenger = Challenger(link, timeout_s=1.0)
    for trouble in (True, True, False, True, True):
        link.raises = ConnectionResetError() if trouble else None
        if trouble:
            await refused(challenger)
        else:
            await challenger.score(DIGEST, ROWS)

    assert not challenger.away


@pytest.mark.parametrize("link", TROUBLES.values(), ids=TROUBLES)
@in_event_loop
async def test_a_probe_with_nobodys_row_finds_out_that_it_is_back(link: Callable[[], SimpleLink]) -> None:
    changes: list[bool] = []
    troubled = link()
    challenger = Challenger(troubled, timeout_s=0.02, on_change=changes.append)
    for _ in range(3):
        await refused(challenger)
    await asyncio.sleep(0.15)
    assert challenger.away
    assert len(troubled.digests) > 4, "it is probed while nobody asks"

    troubled.delay_s, troubled.raises, troubled.probability = 0.0, None, 0.5
    await until(lambda: not challenger.away)

    assert changes == [True, False]
    assert await challenger.score(DIGEST, ROWS) == [0.5, 0.5]


@in_event_loop
async def test_a_customers_row_is_never_a_probe() -> None:
    probed: list[float] = []

    class Watching(SimpleLink):
        async def score(self, digest: str, rows: np.ndarray) -> list[float]:
            probed.append(float(rows.max()))
            return await super().score(digest, rows)

    challenger = Challenger(Watching(raises=ConnectionResetError()), timeout_s=1.0)
    for _ in range(3):
        await refused(challenger)
    await until(lambda: len(probed) > 5)

    assert probed[:3] == [1.0] * 3
    assert set(probed[3:]) == {0.0}


@in_event_loop
async def test_an_away_challenger_is_probed_for_the_model_that_customers_ask_for_now() -> None:
    class OneModel(SimpleLink):
        async def score(self, digest: str, rows: np.ndarray) -> list[float]:
            await super().score(digest, rows)
            if digest != OTHER:
                raise module.WrongModel
            return [0.5] * len(rows)

    challenger = Challenger(OneModel(), timeout_s=1.0)
    for _ in range(3):
        await refused(challenger, DIGEST)

    assert await refused(challenger, OTHER) == "away"  # another model is configured meanwhile
    await until(lambda: not challenger.away)

    assert await challenger.score(OTHER, ROWS) == [0.5, 0.5]


@in_event_loop
async def test_many_who_fail_at_once_start_one_probe() -> None:
    changes: list[bool] = []
    challenger = Challenger(slow(), timeout_s=0.02, on_change=changes.append)

    reasons = await asyncio.gather(*(refused(challenger) for _ in range(20)))

    assert set(reasons) == {"late"}
    assert changes == [True]


@in_event_loop
async def test_reasons_have_their_own_time_and_do_not_count_as_failures() -> None:
    link = SimpleLink(delay_s=0.05)
    challenger = Challenger(link, timeout_s=0.001)

    assert await challenger.reasons(DIGEST, ROWS, budget_s=5.0) == [["open complaint"]] * 2
    link.delay_s = 30.0
    for _ in range(4):
        with pytest.raises(Away, match="late"):
            await challenger.reasons(DIGEST, ROWS, budget_s=0.01)
    assert not challenger.away


@in_event_loop
async def test_nobody_waits_for_the_reasons_of_one_that_is_away() -> None:
    link = dead()
    challenger = Challenger(link, timeout_s=1.0)
    for _ in range(3):
        await refused(challenger)
    link.delay_s = 30.0

    with pytest.raises(Away, match="away"):
        await challenger.reasons(DIGEST, ROWS, budget_s=30.0)


@pytest.mark.parametrize("link", [dead, with_another_model])
@in_event_loop
async def test_a_challenger_that_does_not_answer_is_loading(link: Callable[[], SimpleLink]) -> None:
    assert await Challenger(link(), timeout_s=0.02).readiness(DIGEST, 1) == "loading"
