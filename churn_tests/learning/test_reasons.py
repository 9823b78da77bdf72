"""Reasons are causes that raise the risk, never a person's attributes."""

from __future__ import annotations

import polars as pl

from churn_assets.learning.model import ChurnModel
from churn_assets.learning.reasons import top_reasons


def leavers(model: ChurnModel, customers: pl.DataFrame) -> pl.DataFrame:
    """Return the customers who are predicted to churn."""
    return customers.filter(model.score(customers)["churn_prediction"])


def test_leaving_customers_have_reasons_that_the_world_runs_on(
    model: ChurnModel, customers: pl.DataFrame
) -> None:
    reasons = top_reasons(model, leavers(model, customers))

    assert reasons
    assert all(1 <= len(given) <= 3 for given in reasons)
    assert all(len(set(given)) == len(given) for given in reasons)
    assert sum("using the service less" in given for given in reasons) > len(reasons) / 2


def test_features_of_one_cause_count_together(model: ChurnModel, customers: pl.DataFrame) -> None:
    frame = leavers(model, customers)
    names = model.contract.feature_names
    contributions = model.contributions(frame)
    trouble = [names.index(name) for name in ("unresolved_tickets", "support_tickets_90d")]

    for given, row in zip(top_reasons(model, frame, count=99), contributions, strict=True):
        assert ("support trouble" in given) == (row[trouble].sum() > 0.0)


def test_attribute_of_a_person_is_never_a_reason(model: ChurnModel, customers: pl.DataFrame) -> None:
    given = {cause for reasons in top_reasons(model, customers, count=99) for cause in reasons}

    assert "customer profile" not in given
    assert "habits" in given


def test_nobody_needs_no_reasons(model: ChurnModel, customers: pl.DataFrame) -> None:
    assert top_reasons(model, customers.clear()) == []
