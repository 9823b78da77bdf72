"""The campaign list: the rule against brute force, who is never on it, who is held out, what came true."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.domain.campaign import (
    CAMPAIGN_SCHEMA,
    CONTACT,
    CONTROL,
    CampaignSettings,
    campaign_list,
    campaign_summary,
    realised,
)
from churn_assets.domain.economics import Economics, expected_profit

MONTH = "2025-03"
ECONOMICS = Economics()
NO_CONTROL = CampaignSettings(control_share=0)


def scores_of(
    probabilities: list[float],
    *,
    threshold: float = 0.5,
    opted_out: Sequence[bool | None] | None = None,
    reasons: Sequence[list[str] | None] | None = None,
) -> pl.DataFrame:
    """Customers 1, 2, 3 ... with these probabilities."""
    count = len(probabilities)
    return pl.DataFrame(
        {
            "customer_id": range(1, count + 1),
            "churn_probability": probabilities,
            "churn_prediction": [probability >= threshold for probability in probabilities],
            "risk_band": ["high"] * count,
            "marketing_opt_out": opted_out or [False] * count,
            "reasons": reasons or [None] * count,
        },
        schema={
            "customer_id": pl.Int64,
            "churn_probability": pl.Float64,
            "churn_prediction": pl.Boolean,
            "risk_band": pl.String,
            "marketing_opt_out": pl.Boolean,
            "reasons": pl.List(pl.String),
        },
    )


def chosen(
    scores: pl.DataFrame, how: CampaignSettings = NO_CONTROL, economics: Economics = ECONOMICS
) -> pl.DataFrame:
    return campaign_list(scores, how, economics, MONTH, "7")


def test_the_most_valuable_customer_stands_first_with_what_the_crm_needs() -> None:
    scores = scores_of(
        [0.6, 0.9, 0.1],
        reasons=[["calls falling"], ["contract ending", "bill shock", "complaints"], None],
    )

    campaign = chosen(scores)

    assert campaign.schema == CAMPAIGN_SCHEMA
    assert campaign.rows(named=True)[0] == {
        "rank": 1,
        "customer_id": 2,
        "action": "contact",
        "churn_probability": 0.9,
        "risk_band": "high",
        "expected_value_eur": pytest.approx(0.9 * 72 - 35),
        "offer": "contract_renewal",
        "reason_1": "contract ending",
        "reason_2": "bill shock",
        "reason_3": "complaints",
        "model_version": "7",
        "month": "2025-03",
    }
    assert campaign["customer_id"].to_list() == [2, 1]
    assert campaign["offer"][1] == "retention_call"
    assert campaign["reason_2"][1] is None


def test_predicted_churners_whose_contact_would_lose_money_are_left_out() -> None:
    scores = scores_of([0.45, 0.49], threshold=0.3)

    assert chosen(scores)["customer_id"].to_list() == [2]


def test_profitable_customers_below_the_models_threshold_are_left_out() -> None:
    scores = scores_of([0.6, 0.8], threshold=0.7)

    assert chosen(scores)["customer_id"].to_list() == [2]


def test_whoever_opted_out_or_did_not_say_is_never_contacted_nor_held_out() -> None:
    scores = scores_of([0.9] * 300, opted_out=[True, None, False] * 100)

    campaign = chosen(scores, CampaignSettings(control_share=0.3))

    assert set(campaign["customer_id"]) == set(range(3, 301, 3))


def test_an_empty_campaign_is_an_answer() -> None:
    scores = scores_of([0.1, 0.2])

    campaign = chosen(scores)

    assert campaign.schema == CAMPAIGN_SCHEMA
    assert campaign.is_empty()
    assert campaign_summary(campaign, scores, ECONOMICS).expected_profit_eur == 0


@settings(deadline=None, max_examples=40)
@given(
    probabilities=st.lists(st.floats(0, 1), max_size=10),
    opted_out=st.lists(st.booleans(), min_size=10, max_size=10),
    capacity=st.integers(0, 10),
    cost=st.floats(0, 80),
)
def test_no_other_choice_within_the_capacity_earns_more(
    probabilities: list[float], opted_out: list[bool], capacity: int, cost: float
) -> None:
    economics = Economics(contact_cost_eur=cost)
    scores = scores_of(probabilities, threshold=0.0, opted_out=[*opted_out[: len(probabilities)]])
    earns = [
        float(profit)
        for profit, out in zip(expected_profit(probabilities, economics), opted_out, strict=False)
        if not out
    ]

    best = max(
        sum(subset) for size in range(min(capacity, len(earns)) + 1) for subset in combinations(earns, size)
    )

    campaign = chosen(scores, CampaignSettings(capacity=capacity, control_share=0), economics)
    assert campaign["expected_value_eur"].sum() == pytest.approx(best, abs=1e-9)
    assert campaign.height <= capacity


@settings(deadline=None, max_examples=25)
@given(
    probabilities=st.lists(st.sampled_from([0.2, 0.55, 0.6, 0.9]), min_size=1, max_size=40),
    capacity=st.integers(0, 40),
    control_share=st.sampled_from([0, 0.2, 0.5]),
    shuffler=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_nothing(
    probabilities: list[float], capacity: int, control_share: float, shuffler: Random
) -> None:
    scores = scores_of(probabilities)
    order = list(range(scores.height))
    shuffler.shuffle(order)
    how = CampaignSettings(capacity=capacity, control_share=control_share)

    campaign = chosen(scores, how)

    assert campaign.equals(chosen(scores[order], how))
    assert campaign["expected_value_eur"].is_sorted(descending=True)
    assert (campaign["action"] == CONTACT).sum() <= capacity


def test_the_capacity_is_used_up_by_contacts_and_the_control_group_comes_on_top() -> None:
    scores = scores_of([0.9] * 1_000)

    campaign = chosen(scores, CampaignSettings(capacity=500, control_share=0.2))

    contacts = campaign.filter(pl.col("action") == CONTACT)
    control = campaign.filter(pl.col("action") == CONTROL)
    assert contacts.height == 500
    assert 90 <= control.height <= 160  # a fifth of those drawn: 125 expected, 10 standard deviation
    assert control["offer"].null_count() == control.height


def test_a_share_of_the_scored_customers_bounds_the_campaign_too() -> None:
    scores = scores_of([0.9] * 100)

    assert chosen(scores, CampaignSettings(capacity_share=0.29, control_share=0)).height == 29
    assert chosen(scores, CampaignSettings(capacity_share=0.29, capacity=10, control_share=0)).height == 10


def test_a_customer_is_held_out_whoever_else_is_in_the_campaign_and_anew_each_month() -> None:
    how = CampaignSettings(control_share=0.3)
    many, few = scores_of([0.9] * 400), scores_of([0.9] * 200)

    held_out = set(chosen(many, how).filter(pl.col("action") == CONTROL)["customer_id"])
    of_fewer = set(chosen(few, how).filter(pl.col("action") == CONTROL)["customer_id"])
    next_month = set(
        campaign_list(many, how, ECONOMICS, "2025-04", "7").filter(pl.col("action") == CONTROL)["customer_id"]
    )

    assert of_fewer == {customer for customer in held_out if customer <= 200}
    assert next_month != held_out


def test_the_summary_accounts_for_every_predicted_customer() -> None:
    scores = scores_of([0.9, 0.8, 0.7, 0.6, 0.4, 0.1], threshold=0.3, opted_out=[True] + [False] * 5)
    campaign = chosen(scores, CampaignSettings(capacity=2, control_share=0))

    summary = campaign_summary(campaign, scores, ECONOMICS)

    assert (summary.scored, summary.predicted) == (6, 5)
    assert (summary.unprofitable, summary.opted_out, summary.over_capacity) == (1, 1, 1)
    assert (summary.contacts, summary.control) == (2, 0)
    assert summary.expected_churners == pytest.approx(1.5)
    assert summary.expected_profit_eur == pytest.approx(1.5 * 72 - 70)
    assert summary.break_even_probability == pytest.approx(0.486, abs=5e-4)


def test_what_came_true_counts_contacts_and_control_apart_and_unknown_labels_as_no_churner() -> None:
    campaign = pl.DataFrame(
        {
            "customer_id": [1, 2, 3, 4, 5],
            "action": [CONTACT, CONTACT, CONTACT, CONTROL, CONTROL],
            "churn_probability": [0.9, 0.8, 0.7, 0.9, 0.8],
        }
    )
    labels = pl.DataFrame({"customer_id": [1, 2, 4, 5, 6], "churned": [1, 0, 1, None, 1]})

    outcome = realised(campaign, labels, ECONOMICS)

    assert (outcome.contacts, outcome.contacts_labelled, outcome.contacts_churned) == (3, 2, 1)
    assert (outcome.control_labelled, outcome.control_churned) == (1, 1)
    assert outcome.expected_churners == pytest.approx(1.7)
    assert outcome.account.profit_eur == pytest.approx(72 - 3 * 35)
    assert outcome.precision == 0.5
    assert outcome.control_churn_rate == 1.0


def test_a_campaign_without_labels_has_no_precision() -> None:
    outcome = realised(
        chosen(scores_of([0.9])), pl.DataFrame({"customer_id": [9], "churned": [True]}), ECONOMICS
    )

    assert outcome.precision is None
    assert outcome.control_churn_rate is None


def test_scores_without_the_opt_out_are_refused() -> None:
    with pytest.raises(ValueError, match="lack marketing_opt_out"):
        chosen(scores_of([0.9]).drop("marketing_opt_out"))


def test_a_customer_scored_twice_is_refused() -> None:
    scores = scores_of([0.9, 0.8])

    with pytest.raises(ValueError, match="exactly once"):
        chosen(pl.concat([scores, scores]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("capacity", -1), ("capacity_share", 1.5), ("control_share", 1.0), ("control_share", -0.1)],
)
def test_impossible_settings_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        CampaignSettings(**{name: value})  # type: ignore[arg-type]
