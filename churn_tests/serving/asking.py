"""Asking the service as the door does, and what the batch says of the same customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from churn_assets.learning.model import ChurnModel
from churn_serving.answers import Answer, BatchAnswer
from churn_tests.learning.synthetic import FEATURES
from churn_tests.serving.stand import Stand

NAMES = [feature.name for feature in FEATURES]


def ids_of(customers: pl.DataFrame, count: int) -> list[int]:
    return customers["customer_id"].head(count).to_list()


async def one(stand: Stand, document: dict[str, Any], *, explain: bool = False) -> Answer:
    """Ask about one customer."""
    request = stand.service.in_force().served.schema.customer(msgspec.json.encode(document))
    return await stand.service.one(request, explain=explain)


async def many(
    stand: Stand, documents: Sequence[dict[str, Any]], threshold: float | None = None
) -> BatchAnswer:
    """Ask about a batch."""
    body = msgspec.json.encode({"customers": documents, "threshold": threshold})
    return await stand.service.many(stand.service.in_force().served.schema.batch(body))


def with_features(row: dict[str, Any]) -> dict[str, Any]:
    """Return a request that brings a customer's features."""
    return {"customer_id": row["customer_id"], "features": {name: row[name] for name in NAMES}}


def by_batch(model: ChurnModel, customers: pl.DataFrame) -> dict[int, dict[str, Any]]:
    """Return what the batch says of each customer."""
    return {row["customer_id"]: row for row in model.score(customers).iter_rows(named=True)}


def answers_of(found: BatchAnswer) -> list[Answer]:
    """Return the results, all of which are scores."""
    answers = [each for each in found.results if isinstance(each, Answer)]
    assert len(answers) == len(found.results)
    return answers
