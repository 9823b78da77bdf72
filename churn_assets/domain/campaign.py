"""The campaign list of a month: who is contacted, in which order, with which offer, and who is held out.

The rule (Economics, `domain.economics`): contact those whom the model predicts to leave and whose contact is
expected to earn money, never one who opted out, by expected value, as many as there is capacity for. Each
of them is held out with the probability `control_share`: without a control group no later month can tell
what contacting changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from churn_assets.domain.assignment import keyed_draws
from churn_assets.domain.campaign_settings import CampaignSettings
from churn_assets.domain.economics import Account, Economics, account, expected_account, expected_profit
from churn_assets.domain.months import Month

__all__ = [
    "CAMPAIGN_SCHEMA",
    "CONTACT",
    "CONTROL",
    "CampaignSettings",
    "CampaignSummary",
    "Realised",
    "campaign_list",
    "campaign_summary",
    "realised",
]

CONTACT = "contact"
CONTROL = "control"
REASONS = ("reason_1", "reason_2", "reason_3")
CAMPAIGN_SCHEMA = pl.Schema(
    {
        "rank": pl.Int64(),
        "customer_id": pl.Int64(),
        "action": pl.String(),
        "churn_probability": pl.Float64(),
        "risk_band": pl.String(),
        "expected_value_eur": pl.Float64(),
        "offer": pl.String(),
        **dict.fromkeys(REASONS, pl.String()),
        "model_version": pl.String(),
        "month": pl.String(),
    }
)
_NEEDED = ("customer_id", "churn_probability", "churn_prediction", "risk_band", "marketing_opt_out")


@dataclass(frozen=True)
class CampaignSummary:
    """What a retention manager asks first.

    Attributes:
        scored: customers scored.
        predicted: of these, customers predicted to leave.
        unprofitable: of the predicted, those whose contact is not expected to earn anything.
        opted_out: of the profitable, those who must not be contacted.
        over_capacity: of the others, those beyond the capacity.
        contacts: of the rest, customers to contact.
        control: of the rest, customers held out.
        break_even_probability: the probability at which a contact pays for itself.
        expected: the account that the contacts promise.
    """

    scored: int
    predicted: int
    unprofitable: int
    opted_out: int
    over_capacity: int
    contacts: int
    control: int
    break_even_probability: float
    expected: Account

    @property
    def expected_churners(self) -> float:
        """Churners expected among the contacts."""
        return self.expected.churners_found

    @property
    def expected_profit_eur(self) -> float:
        """What the campaign is expected to earn, EUR."""
        return self.expected.profit_eur


@dataclass(frozen=True)
class Realised:
    """What became of a campaign, a month later.

    Attributes:
        contacts: customers contacted.
        contacts_labelled: of these, those whose label is known.
        contacts_churned: of these, those who left.
        control_labelled: held-out customers whose label is known.
        control_churned: of these, those who left.
        expected_churners: churners that the model expected among the labelled contacts.
        account: the naive account with the churners that came true. It reads a label as what happens
            without a contact, which is true of the embedded operator and of months without a campaign;
            where contacts were made the saved ones are missing in it, and only the comparison with the
            control group tells the effect.
    """

    contacts: int
    contacts_labelled: int
    contacts_churned: int
    control_labelled: int
    control_churned: int
    expected_churners: float
    account: Account

    @property
    def precision(self) -> float | None:
        """Share of churners among the labelled contacts; None without one."""
        return self.contacts_churned / self.contacts_labelled if self.contacts_labelled else None

    @property
    def control_churn_rate(self) -> float | None:
        """Share of churners among the labelled held-out customers; None without one."""
        return self.control_churned / self.control_labelled if self.control_labelled else None


def campaign_list(
    scores: pl.DataFrame,
    settings: CampaignSettings,
    economics: Economics,
    month: Month | str,
    model_version: str,
) -> pl.DataFrame:
    """Choose whom to contact and whom to hold out.

    Going down the customers by expected value (ties by a keyed hash of the id, so that the order of rows
    does not matter), each is held out with the probability `control_share`, else contacted, until the
    capacity is used.

    Args:
        scores: one row a scored customer: customer_id, churn_probability (calibrated), churn_prediction,
            risk_band, marketing_opt_out (null counts as opted out), and, where there are any, reasons (list
            of causes, the strongest first). Further columns are ignored.
        settings: capacity, control group, offers.
        economics: what a contact costs and a saved customer is worth.
        month: the month whose close the list belongs to.
        model_version: the version that scored.

    Returns:
        One row a chosen customer, `CAMPAIGN_SCHEMA`, the most valuable first. Held-out ones have no offer.

    Raises:
        ValueError: a column is missing, a customer has two scores, or a probability is none.
    """
    eligible = _contactable(_profitable(_predicted(_checked(scores)), economics))
    ranked = _ranked(eligible, settings, str(month))
    contacts_before = (~pl.col("held_out")).cum_sum().shift(1, fill_value=0)
    return (
        ranked.filter(contacts_before < settings.limit(scores.height))
        .with_columns(
            pl.when("held_out").then(pl.lit(CONTROL)).otherwise(pl.lit(CONTACT)).alias("action"),
            pl.when(~pl.col("held_out")).then(_offer(settings)).alias("offer"),
            pl.lit(model_version).alias("model_version"),
            pl.lit(str(month)).alias("month"),
        )
        .with_row_index("rank", offset=1)
        .select(pl.col(name).cast(dtype) for name, dtype in CAMPAIGN_SCHEMA.items())
    )


def campaign_summary(campaign: pl.DataFrame, scores: pl.DataFrame, economics: Economics) -> CampaignSummary:
    """Count what the campaign list of these scores holds, leaves out and promises."""
    predicted = _predicted(_checked(scores))
    profitable = _profitable(predicted, economics)
    eligible = _contactable(profitable)
    contacted = campaign.filter(pl.col("action") == CONTACT)
    return CampaignSummary(
        scored=scores.height,
        predicted=predicted.height,
        unprofitable=predicted.height - profitable.height,
        opted_out=profitable.height - eligible.height,
        over_capacity=eligible.height - campaign.height,
        contacts=contacted.height,
        control=campaign.height - contacted.height,
        break_even_probability=economics.break_even_probability,
        expected=expected_account(contacted["churn_probability"].to_numpy(), economics),
    )


def realised(campaign: pl.DataFrame, labels: pl.DataFrame, economics: Economics) -> Realised:
    """Make the account of a campaign with the labels of its month (customer_id, churned; null while unknown).

    All contacts are paid for; a contact without a label counts as no churner.
    """
    known = labels.select("customer_id", pl.col("churned").cast(pl.Boolean)).drop_nulls()
    joined = campaign.join(known, on="customer_id", how="left")
    contacted = joined.filter(pl.col("action") == CONTACT)
    control = joined.filter(pl.col("action") == CONTROL)
    churned = int(contacted["churned"].sum())
    return Realised(
        contacts=contacted.height,
        contacts_labelled=contacted["churned"].count(),
        contacts_churned=churned,
        control_labelled=control["churned"].count(),
        control_churned=int(control["churned"].sum()),
        expected_churners=float(contacted.filter(pl.col("churned").is_not_null())["churn_probability"].sum()),
        account=account(contacted.height, churned, economics),
    )


def _checked(scores: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in _NEEDED if name not in scores.columns]
    if missing:
        raise ValueError(
            f"the scores lack {', '.join(missing)}: join them from the customers' state before the campaign"
        )
    if scores["customer_id"].n_unique() != scores.height or scores["customer_id"].null_count():
        raise ValueError("the scores do not name each customer exactly once: score the month again")
    return scores


def _predicted(scores: pl.DataFrame) -> pl.DataFrame:
    return scores.filter(pl.col("churn_prediction").cast(pl.Boolean))


def _profitable(scores: pl.DataFrame, economics: Economics) -> pl.DataFrame:
    """Add the expected value of a contact, EUR, and keep the customers where it is positive."""
    value = expected_profit(scores["churn_probability"].cast(pl.Float64).to_numpy(), economics)
    return scores.with_columns(pl.Series("expected_value_eur", value)).filter(
        pl.col("expected_value_eur") > 0
    )


def _contactable(scores: pl.DataFrame) -> pl.DataFrame:
    """Keep those who may be contacted: whoever's wish is unknown may not."""
    return scores.filter(~pl.col("marketing_opt_out").fill_null(value=True))


def _ranked(eligible: pl.DataFrame, settings: CampaignSettings, month: str) -> pl.DataFrame:
    """Order by expected value, and draw who is held out: independently of the order, and anew every month."""
    campaign = f"{settings.experiment}/{settings.seed}/{month}"
    ids = eligible["customer_id"]
    return eligible.with_columns(
        (keyed_draws(f"control/{campaign}", ids) < settings.control_share).alias("held_out"),
        keyed_draws(f"order/{campaign}", ids).alias("tie"),
        *_reasons(eligible),
    ).sort("expected_value_eur", "tie", "customer_id", descending=[True, False, False])


def _reasons(scores: pl.DataFrame) -> list[pl.Expr]:
    """Return the three strongest causes as columns, null where there are fewer."""
    if "reasons" not in scores.columns:
        return [pl.lit(None, pl.String).alias(name) for name in REASONS]
    return [
        pl.col("reasons").list.get(place, null_on_oob=True).alias(name) for place, name in enumerate(REASONS)
    ]


def _offer(settings: CampaignSettings) -> pl.Expr:
    """Return the offer of the strongest cause."""
    return pl.col(REASONS[0]).replace_strict(
        settings.offers, default=settings.default_offer, return_dtype=pl.String
    )
