"""Features 37 to 45: the contract and the person, from the CRM's state in `customers`."""

from __future__ import annotations

import polars as pl

from churn_assets.domain.features.catalogue import FEATURES
from churn_assets.domain.features.windows import days_between_dates
from churn_assets.domain.months import Month

_SOON_DAYS = 60


def contract_and_person_features(month: Month) -> dict[str, pl.Expr]:
    """Return the features on a row of `customers`.

    A plan change dated after the snapshot gives a negative age: the CRM's state is taken as it was delivered.
    """
    snapshot = pl.lit(month.snapshot.date())
    remaining = days_between_dates(snapshot, pl.col("contract_end_date"))
    price, former_price = pl.col("plan_monthly_eur"), pl.col("previous_plan_monthly_eur")
    change = pl.when(former_price > 0).then(price / former_price)
    return {
        "plan_monthly_eur": price,
        "contract_days_remaining": remaining,
        "contract_ends_within_60d": remaining.is_between(0, _SOON_DAYS).fill_null(value=False),
        "days_since_plan_change": days_between_dates(pl.col("plan_changed_on"), snapshot),
        "plan_price_change_ratio": pl.when(pl.col("plan_changed_on").is_null()).then(1.0).otherwise(change),
        **{
            feature.name: pl.when(pl.col(feature.name).is_in(feature.categories)).then(pl.col(feature.name))
            for feature in FEATURES
            if feature.kind == "category"
        },
    }
