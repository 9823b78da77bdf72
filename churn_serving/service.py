"""The heart of the champion's replicas: look up, route, score, fall back, and say what it means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_assets.adapters.online_store import OnlineStoreError
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.assignment import CHALLENGER, CHAMPION, Arm
from churn_assets.learning.inputs import Matrix
from churn_serving.answers import Answer, ArmTotals, BatchAnswer, ReasonsStatus, Totals, Unscored
from churn_serving.challenger import Away, Challenger
from churn_serving.inputs import Row
from churn_serving.problems import Problem
from churn_serving.requests import overrides_of, values_of
from churn_serving.scorer import Speaker
from churn_serving.state import ArmView, InForce, Served, StoreView
from churn_serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_ROWS_ON_THE_LOOP = 64
_EXPLANATIONS_WAITING = 8


@dataclass(frozen=True)
class _Asked:
    """A customer to score: the row of each arm that may be asked, and where the features come from."""

    customer_id: int
    arm: Arm
    rows: dict[Arm, Row]
    month: str | None
    stale: bool


@dataclass(frozen=True)
class _Scored:
    """A probability, the arm that gave it, and whether the champion gave it in the challenger's place."""

    probability: float
    view: ArmView
    row: Row
    fallback: bool


class ScoringService:
    """Scores customers by what is served at the moment.

    Args:
        challenger: how to ask the other arm.
        telemetry: what is counted.
        settings: limits and budgets.
    """

    def __init__(self, challenger: Challenger, telemetry: Telemetry, settings: ServingSettings) -> None:
        self._challenger = challenger
        self._telemetry = telemetry
        self._settings = settings
        self._scoring = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._explaining = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self._explanations = 0
        self._shadows: set[asyncio.Task[None]] = set()
        self.force: InForce | None = None

    def in_force(self) -> InForce:
        """Return what answers now.

        Raises:
            Problem: 503, nothing does yet.
        """
        if self.force is None:
            raise Problem(503, "no model is loaded yet", retry_after_s=1)
        return self.force

    async def one(self, request: Any, *, explain: bool) -> Answer:  # noqa: ANN401  made from the contracts
        """Score one customer by a request of the schema.

        Raises:
            Problem: 404 for a customer whom the store does not know, 503 where nothing can be scored.
        """
        force = self.in_force()
        served = force.served
        mode = "id" if request.features is None else "features"
        (asked,) = await self._asked(force, [request])
        if asked is None:
            raise Problem(404, "the online store does not know this customer", field="$.customer_id")
        (scored,) = await self._score(served, [asked], mode)
        answer = self._answer(served, asked, scored, scored.view.speaker)
        if explain:
            answer.reasons_status, reasons = await self._reasons(served, scored)
            if reasons is not None:
                answer.reasons = reasons
        return answer

    async def many(self, batch: Any) -> BatchAnswer:  # noqa: ANN401  made from the contracts
        """Score the customers of a batch, in order.

        Raises:
            Problem: 503 where nothing can be scored.
        """
        force = self.in_force()
        served = force.served
        asked = await self._asked(force, batch.customers)
        known = [each for each in asked if each is not None]
        scored = await self._score(served, known, "batch") if known else []
        self._telemetry.batch_rows.observe(len(asked))
        speakers = {arm: view.speaker.by(batch.threshold) for arm, view in served.views.items()}
        answers = iter(
            self._answer(served, one, found, speakers[found.view.arm])
            for one, found in zip(known, scored, strict=True)
        )
        results: list[Answer | Unscored] = [
            Unscored(customer_id=request.customer_id, problem="unknown_customer")
            if each is None
            else next(answers)
            for request, each in zip(batch.customers, asked, strict=True)
        ]
        return BatchAnswer(results=results, totals=_totals(results))

    async def _asked(self, force: InForce, requests: Sequence[Any]) -> list[_Asked | None]:
        """Return the rows of each request; None for a customer whom the store does not know."""
        served = force.served
        by_id = [request.customer_id for request in requests if request.features is None]
        stored = await _look_up(_store_of(force), by_id) if by_id else {}
        asked: list[_Asked | None] = []
        for request in requests:
            arm = served.split.arm_of(request.customer_id)
            needed = self._needed(served, arm)
            if request.features is not None:
                values = values_of(request.features)
                rows = {name: served.views[name].inputs.row(values) for name in needed}
                asked.append(_Asked(request.customer_id, arm, rows, None, stale=False))
            elif (row := stored.get(request.customer_id)) is None:
                self._telemetry.unknown_customers.inc()
                asked.append(None)
            else:
                asked.append(_from_store(_store_of(force), request, arm, needed, row))
        return asked

    @staticmethod
    def _needed(served: Served, arm: Arm) -> tuple[Arm, ...]:
        """Return the arms that need the customer's row: the champion always, to fall back upon."""
        if served.challenger is not None and (arm == CHALLENGER or served.configuration.shadow):
            return (CHAMPION, CHALLENGER)
        return (CHAMPION,)

    async def _score(self, served: Served, asked: Sequence[_Asked], mode: str) -> list[_Scored]:
        """Score each customer on the customer's arm; the champion answers where the challenger does not."""
        found: list[_Scored | None] = [None] * len(asked)
        fallback: set[int] = set()
        theirs = [place for place, each in enumerate(asked) if each.arm == CHALLENGER]
        if theirs and (view := served.challenger) is not None:
            try:
                rows = np.stack([asked[place].rows[CHALLENGER] for place in theirs])
                given = await self._challenger.score(view.served.digest, rows)
            except Away as away:
                self._telemetry.fallbacks.labels(away.reason).inc(len(theirs))
                fallback = set(theirs)
            else:
                self._telemetry.count(CHALLENGER, view.served.version, mode, given)
                for place, probability in zip(theirs, given, strict=True):
                    row = asked[place].rows[CHALLENGER]
                    found[place] = _Scored(probability, view, row, fallback=False)
        ours = [place for place, scored in enumerate(found) if scored is None]
        if ours:
            rows = np.stack([asked[place].rows[CHAMPION] for place in ours])
            given = await self._by_champion(served, rows)
            self._telemetry.count(CHAMPION, served.champion.served.version, mode, given)
            for place, probability in zip(ours, given, strict=True):
                row = asked[place].rows[CHAMPION]
                found[place] = _Scored(probability, served.champion, row, fallback=place in fallback)
            own = [
                (asked[place], each) for place, each in zip(ours, given, strict=True) if place not in fallback
            ]
            self._shadow(served, own)
        return [scored for scored in found if scored is not None]

    async def _by_champion(self, served: Served, rows: Matrix) -> list[float]:
        """Score in the process; many rows beside the event loop."""
        if len(rows) <= _ROWS_ON_THE_LOOP:
            return served.scorer.probabilities(rows)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scoring, served.scorer.probabilities, rows)

    def _shadow(self, served: Served, scored: Sequence[tuple[_Asked, float]]) -> None:
        """Let the challenger score the champion's customers unseen; it costs the answer nothing."""
        view = served.challenger
        if view is None or not served.configuration.shadow or not scored:
            return
        if len(self._shadows) >= self._settings.shadow_concurrency:
            self._telemetry.shadow.labels("dropped").inc(len(scored))
            return
        rows = np.stack([each.rows[CHALLENGER] for each, _ in scored])
        champion = [probability for _, probability in scored]
        task = asyncio.get_running_loop().create_task(self._score_unseen(view, rows, champion))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _score_unseen(self, view: ArmView, rows: Matrix, champion: Sequence[float]) -> None:
        try:
            given = await self._challenger.score(view.served.digest, rows)
        except Away as away:
            self._telemetry.shadow.labels(away.reason).inc(len(rows))
            return
        self._telemetry.shadow.labels("scored").inc(len(rows))
        self._telemetry.count(CHALLENGER, view.served.version, "shadow", given)
        for one, other in zip(given, champion, strict=True):
            self._telemetry.shadow_difference.observe(abs(one - other))

    async def _reasons(self, served: Served, scored: _Scored) -> tuple[ReasonsStatus, list[str] | None]:
        """Return the reasons of the model that gave the score, within the budget or not at all."""
        budget_s = self._settings.explain_budget_ms / 1_000
        rows = scored.row[np.newaxis]
        status: ReasonsStatus = "given"
        found: list[list[str]] | None = None
        try:
            if scored.view.arm == CHALLENGER:
                found = await self._challenger.reasons(scored.view.served.digest, rows, budget_s)
            else:
                found = await self._explained(served, rows, budget_s)
        except TimeoutError:
            status = "late"
        except Away as away:
            status = "late" if away.reason == "late" else "unavailable"
        except Exception as error:  # noqa: BLE001  the score is there, and nothing that a library raises may take it away
            _LOG.error("reasons of version %s failed: %s", scored.view.served.version, type(error).__name__)
            status = "unavailable"
        self._telemetry.reasons.labels(status).inc()
        return status, found[0] if found is not None else None

    async def _explained(self, served: Served, rows: Matrix, budget_s: float) -> list[list[str]]:
        if self._explanations >= _EXPLANATIONS_WAITING:
            raise TimeoutError
        self._explanations += 1
        work = asyncio.get_running_loop().run_in_executor(self._explaining, served.scorer.reasons, rows)
        work.add_done_callback(self._explanation_done)
        return await asyncio.wait_for(asyncio.shield(work), budget_s)

    def _explanation_done(self, _: object) -> None:
        self._explanations -= 1

    @staticmethod
    def _answer(served: Served, asked: _Asked, scored: _Scored, speaker: Speaker) -> Answer:
        words = speaker.words(scored.probability)
        return Answer(
            customer_id=asked.customer_id,
            churn_probability=scored.probability,
            churn_prediction=words.prediction,
            confidence=words.confidence,
            risk_band=words.risk_band,
            threshold=words.threshold,
            model_version=scored.view.served.version,
            arm=scored.view.arm,
            experiment=served.configuration.experiment,
            features_month=asked.month,
            features_stale=asked.stale,
            fallback=scored.fallback,
        )


def _store_of(force: InForce) -> StoreView:
    if force.store is None:
        raise Problem(
            503, "no features of customers are published: send features, or run the month", retry_after_s=30
        )
    return force.store


async def _look_up(store: StoreView, customer_ids: Sequence[int]) -> dict[int, Row]:
    """Return the stored rows of the customers who are known."""
    try:
        if len(customer_ids) == 1:
            row = await store.snapshot.row(customer_ids[0])
            return {} if row is None else {customer_ids[0]: row}
        rows, found = await store.snapshot.rows(customer_ids)
    except OnlineStoreError:
        raise Problem(503, "the online store cannot be read at the moment", retry_after_s=1) from None
    return {customer: row for customer, row, known in zip(customer_ids, rows, found, strict=True) if known}


def _from_store(
    store: StoreView,
    request: Any,  # noqa: ANN401  made from the contracts
    arm: Arm,
    needed: Sequence[Arm],
    stored: Row,
) -> _Asked:
    overrides = overrides_of(request.overrides) if request.overrides is not None else {}
    rows = {}
    for name in needed:
        inputs = store.inputs[name]
        rows[name] = inputs.rows(stored[np.newaxis])[0]
        if overrides:
            inputs.override(rows[name], overrides)
    return _Asked(request.customer_id, arm, rows, store.month, store.stale)


def _totals(results: Sequence[Answer | Unscored]) -> Totals:
    scored = [result for result in results if isinstance(result, Answer)]
    arms: dict[str, ArmTotals] = {}
    for answer in scored:
        arm = arms.setdefault(answer.arm, ArmTotals(customers=0, model_version=answer.model_version))
        arm.customers += 1
    return Totals(
        customers=len(results),
        scored=len(scored),
        unknown=len(results) - len(scored),
        predicted_churners=sum(answer.churn_prediction for answer in scored),
        mean_probability=sum(answer.churn_probability for answer in scored) / len(scored) if scored else None,
        fallbacks=sum(answer.fallback for answer in scored),
        arms=arms,
    )
