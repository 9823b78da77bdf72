"""The CRM's table: one row for each customer who was active in the month."""

from __future__ import annotations

import numpy as np

from churn_assets.domain.months import Month
from churn_assets.simulator.conduct import signup_day
from churn_assets.simulator.customers import NEVER, NEVER_BEFORE, payment_method
from churn_assets.simulator.draws import Array, Trait, mixed, uniform_trait
from churn_assets.simulator.hazard import age_group, region
from churn_assets.simulator.population import EPOCH, Cast

_UNKNOWN_PERSON = 0.006  # share whose age, and share whose region, the CRM does not know
_OPT_OUT = 0.04


def customers(cast: Cast, customer_ids: Array) -> dict[str, Array]:
    """Return the columns of the customers of a cast; categories as indices, masked where null."""
    people, keys = cast.people, cast.people.key
    return {
        "customer_id": customer_ids,
        "signup_date": _days(people.joined, signup_day(keys)),
        "contract_type": people.contract,
        "contract_end_date": _masked_days(
            people.contract_end, signup_day(keys), people.contract_end == NEVER
        ),
        "payment_method": payment_method(keys),
        "age_group": np.ma.masked_array(age_group(keys).astype(np.int8), _unknown(keys, Trait.AGE)),
        "region": np.ma.masked_array(region(keys).astype(np.int8), _unknown(keys, Trait.REGION)),
        "plan_monthly_eur": np.round(people.price.astype(np.float64), 2),
        "previous_plan_monthly_eur": np.ma.masked_array(
            np.round(people.previous_price.astype(np.float64), 2), np.isnan(people.previous_price)
        ),
        "plan_changed_on": _masked_days(people.changed, _change_day(cast), people.changed == NEVER_BEFORE),
        "churned_on": _departure_days(cast),
        "marketing_opt_out": uniform_trait(keys, Trait.OPT_OUT) < _OPT_OUT,
    }


def _unknown(keys: Array, trait: Trait) -> Array:
    return uniform_trait(keys, 2_000 + trait) < _UNKNOWN_PERSON


def _change_day(cast: Cast) -> Array:
    """Return the day of the month of the last change of plan, 1 to 28."""
    people = cast.people
    of_change = mixed(people.key + people.changed.astype(np.int64).astype(np.uint64))
    return 1 + (uniform_trait(of_change, Trait.CHANGE_DAY) * 28).astype(np.int32)


def _days(months: Array, days: Array) -> Array:
    """Return days since 1970 of the given days (1 is the first) of months that are counted from the epoch."""
    epoch = np.datetime64(EPOCH.start, "M")
    first = (epoch + months.astype("timedelta64[M]")).astype("datetime64[D]").astype(np.int32)
    return (first + days - 1).astype(np.int32)


def _masked_days(months: Array, days: Array, missing: Array) -> Array:
    return np.ma.masked_array(_days(np.where(missing, 0, months), days), missing)


def _departure_days(cast: Cast) -> Array:
    """Return the day on which a customer left, masked for the active."""
    first = _first_day(cast.month)
    days = np.zeros(len(cast.people), dtype=np.int32)
    days[cast.active :] = first + cast.left_on.astype(np.int32) - 1
    return np.ma.masked_array(days, np.arange(len(days)) < cast.active)


def _first_day(month: Month) -> int:
    return int(np.datetime64(month.start, "D").astype(np.int64))
