"""A small world whose truth is known: customers in a leaving state, seen through columns of the feature matrix.

Like world A: 2.4 % are leaving and churn with a probability of about .67, all others with .0061; ten columns together
separate the two by 4.5 standard deviations; more columns say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from churn_assets.learning.inputs import FeatureKind
from churn_assets.learning.logistic import probability_of

CONTRACT_TYPES = ("monthly", "annual", "biennial")
REGIONS = ("north", "centre", "south")
SEPARATION = 4.5


@dataclass(frozen=True)
class Feature:
    """A feature as the catalogue describes one."""

    name: str
    kind: FeatureKind = "number"
    categories: tuple[str, ...] = ()
    cause: str = ""
    sensitive: bool = False
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = True


FALLING = ("calls_trend", "data_usage_trend", "app_sessions_30d", "unique_contacts_30d", "recent_frequency")
RISING = (
    "unresolved_tickets",
    "support_tickets_90d",
    "failed_payments_90d",
    "days_since_last_call",
    "bill_shock",
)
SILENT = ("weekend_calls_ratio", "peak_hour_ratio", "frequency", "tenure_days")

FEATURES: tuple[Feature, ...] = (
    *(Feature(name, cause="using the service less") for name in FALLING),
    *(Feature(name, cause="support trouble" if "tickets" in name else name) for name in RISING),
    *(Feature(name, cause="habits") for name in SILENT),
    Feature("contract_type", "category", CONTRACT_TYPES, "contract type"),
    Feature("region", "category", REGIONS, "customer profile", sensitive=True),
)
MONTHS = tuple(f"2025-{number:02d}" for number in range(1, 10))


def month_of_customers(seed: int, customers: int = 6_000, separation: float = SEPARATION) -> pl.DataFrame:
    """Return a labelled feature matrix, and beside it `oracle_p`, the true probability of each customer."""
    draws = np.random.default_rng(seed)
    leaving = draws.random(customers) < 0.024
    logit = np.where(leaving, 0.94, -5.09) + np.where(leaving, 0.6, 0.25) * draws.standard_normal(customers)
    truth = probability_of(logit)
    shift = np.where(leaving, separation / np.sqrt(len(FALLING) + len(RISING)), 0.0)
    columns: dict[str, np.ndarray] = {"customer_id": draws.permutation(customers) + 1_000_000}
    columns |= {name: np.exp(-(draws.standard_normal(customers) + shift) / 2) for name in FALLING}
    columns |= {name: draws.standard_normal(customers) + shift for name in RISING}
    columns |= {name: draws.standard_normal(customers) for name in SILENT}
    columns["contract_type"] = draws.choice(CONTRACT_TYPES, customers)
    columns["region"] = draws.choice(REGIONS, customers)
    columns |= {"churned": (draws.random(customers) < truth).astype(np.int8), "oracle_p": truth}
    frame = pl.DataFrame(columns)
    missing = pl.Series(draws.random(customers) < 0.05)
    return frame.with_columns(
        pl.when(missing).then(None).otherwise(pl.col("days_since_last_call")).alias("days_since_last_call")
    )


def labelled_months(
    count: int, customers: int = 6_000, separation: float = SEPARATION, names: Sequence[str] = MONTHS
) -> dict[str, pl.DataFrame]:
    """Return so many labelled months by name, each with its own draws."""
    return {name: month_of_customers(seed, customers, separation) for seed, name in enumerate(names[:count])}
