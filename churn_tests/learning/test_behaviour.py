"""How a model must behave whatever it has learned: invariance, direction, minimum functionality."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.learning.model import ChurnModel
from churn_tests.learning.synthetic import FALLING


def test_customer_id_does_not_matter(model: ChurnModel, customers: pl.DataFrame) -> None:
    renamed = customers.with_columns(customer_id=pl.col("customer_id").reverse() * 7)

    assert (model.probabilities(renamed) == model.probabilities(customers)).all()


@pytest.mark.parametrize("feature", ["unresolved_tickets", "support_tickets_90d", "failed_payments_90d"])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(more=st.floats(0.0, 100.0))
def test_more_trouble_never_lowers_the_risk(
    model: ChurnModel, customers: pl.DataFrame, feature: str, more: float
) -> None:
    troubled = customers.with_columns(pl.col(feature) + more)

    assert (model.probabilities(troubled) >= model.probabilities(customers)).all()


def test_customer_with_every_sign_is_predicted_and_one_without_is_not(
    model: ChurnModel, customers: pl.DataFrame
) -> None:
    calm = customers[:1].with_columns(
        *(pl.lit(1.0).alias(name) for name in FALLING),
        pl.lit(0.0).alias("unresolved_tickets"),
        pl.lit(0.0).alias("support_tickets_90d"),
        pl.lit(0.0).alias("failed_payments_90d"),
        pl.lit(0.0).alias("days_since_last_call"),
        pl.lit(0.0).alias("bill_shock"),
    )
    leaving = calm.with_columns(
        *(pl.lit(0.3).alias(name) for name in FALLING),
        pl.lit(2.0).alias("unresolved_tickets"),
        pl.lit(2.0).alias("support_tickets_90d"),
        pl.lit(2.0).alias("failed_payments_90d"),
        pl.lit(2.0).alias("days_since_last_call"),
    )

    stays, leaves = model.score(pl.concat([calm, leaving])).iter_rows(named=True)

    assert not stays["churn_prediction"]
    assert stays["risk_band"] == "low"
    assert leaves["churn_prediction"]
    assert leaves["confidence"] == "high"


def test_silent_columns_hardly_move_the_score(model: ChurnModel, customers: pl.DataFrame) -> None:
    shuffled = customers.with_columns(pl.col("weekend_calls_ratio").shuffle(seed=1))

    moved = np.abs(model.probabilities(shuffled) - model.probabilities(customers))

    assert moved.mean() < 0.005
