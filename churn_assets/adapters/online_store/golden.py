"""The batch's own scores of a few customers: what a serving process must reproduce before it takes a model."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from churn_assets.domain.assignment import keyed_draws
from churn_assets.domain.months import Month

GOLDEN_CUSTOMERS = 64
_CANDIDATES = 16_384


@dataclass(frozen=True)
class Golden:
    """What a model gave to some customers of a month in the batch.

    Attributes:
        model_digest: the digest of the model's files.
        model_version: its registered version.
        customer_ids: the customers, ascending.
        probabilities: theirs, calibrated, in the same order.

    Raises:
        ValueError: not every customer has one probability.
    """

    model_digest: str
    model_version: str
    customer_ids: tuple[int, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.customer_ids) != len(self.probabilities):
            raise ValueError(
                f"{len(self.customer_ids)} golden customers have {len(self.probabilities)} probabilities"
            )


def golden_of(scores: pl.DataFrame, month: Month, model_digest: str, model_version: str) -> Golden:
    """Choose up to 64 customers of a month by a keyed hash and keep their scores.

    Args:
        scores: `customer_id` and `churn_probability` of the month's customers.
        month: the month, the key of the choice.
        model_digest: the digest of the model that scored.
        model_version: its registered version.
    """
    ordered = scores.select("customer_id", "churn_probability").sort("customer_id")
    # A hash of each of two million ids takes seconds; candidates at even steps are as good for a proof.
    candidates = ordered.gather_every(max(ordered.height // _CANDIDATES, 1))
    draws = keyed_draws(f"golden {month}", candidates["customer_id"])
    chosen = candidates.with_columns(draws).sort("draw").head(GOLDEN_CUSTOMERS).sort("customer_id")
    return Golden(
        model_digest,
        model_version,
        tuple(chosen["customer_id"]),
        tuple(chosen["churn_probability"]),
    )
