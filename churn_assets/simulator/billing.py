"""Transactions: bills and purchases of postpaid customers, top-ups of prepaid ones, attempts that failed, refunds."""

from __future__ import annotations

import numpy as np

from churn_assets.domain.tables import STATUSES
from churn_assets.simulator.clock import start_microseconds
from churn_assets.simulator.conduct import DAY_SECONDS, Conduct, is_prepaid, signup_day
from churn_assets.simulator.draws import Array, Stream, Trait, generator, uniform_trait
from churn_assets.simulator.population import Cast
from churn_assets.simulator.rows import event_ids, repeated

PAID, FAILED, REFUNDED = (STATUSES.index(status) for status in ("paid", "failed", "refunded"))
_TOP_UPS, _PURCHASES = 1.15, 0.75  # a month, the first top-up not counted
_REFUND_SHARE = 0.012
_PRICE_STEPS = np.array([5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0])


def transactions(cast: Cast, customer_ids: Array, conduct: Conduct, seed: int) -> dict[str, Array]:
    """Return the columns of the transactions of a cast; `status` as an index into the statuses."""
    draws = generator(seed, Stream.BILLING, cast.index, cast.chunk)
    parts = [_bills(cast, conduct, draws), _smaller(cast, conduct, draws), _failures(cast, conduct, draws)]
    parts.append(_first_charges(cast, draws))
    who, second, amount, status, late = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    refunded = np.flatnonzero((status == PAID) & (draws.random(len(who)) < _REFUND_SHARE))
    back = second[refunded] + draws.integers(3_600, 5 * DAY_SECONDS, len(refunded))
    who, second = np.concatenate([who, who[refunded]]), np.concatenate([second, back])
    amount = np.concatenate([amount, amount[refunded]])
    status = np.concatenate([status, np.full(len(refunded), REFUNDED)])
    late = np.concatenate([late, np.zeros(len(refunded), dtype=np.bool_)])
    bounds = _bounds(cast, conduct, who)
    kept = np.flatnonzero((second >= bounds[0]) & (second < bounds[1]))
    kept = kept[np.argsort(who[kept], kind="stable")]
    return {
        "transaction_id": event_ids(cast, len(kept)),
        "customer_id": customer_ids[who[kept]],
        "transaction_date": start_microseconds(cast.month) + second[kept].astype(np.int64) * 1_000_000,
        "amount": np.round(amount[kept].astype(np.float64), 2),
        "status": status[kept].astype(np.int8),
        "paid_late": late[kept],
    }


def _bounds(cast: Cast, conduct: Conduct, who: Array) -> tuple[Array, Array]:
    """Return between which seconds a row may lie: bills come whether the customer uses the telephone or not."""
    month_end = int((cast.month.snapshot - cast.month.start).total_seconds())
    leave = np.full(len(cast.people), month_end)
    leave[cast.active :] = (cast.left_on.astype(np.int64) - 1) * DAY_SECONDS
    return conduct.first_second[who], leave[who]


def _bills(cast: Cast, conduct: Conduct, draws: np.random.Generator) -> tuple[Array, ...]:
    """Return a bill a month for each postpaid customer: the plan and what came on top."""
    people = cast.people
    new = people.joined == cast.index
    who = np.flatnonzero(~is_prepaid(people.key) & ~new & ~conduct.unpaid)
    late = draws.random(len(who)) < conduct.late_share[who]
    day = (uniform_trait(people.key[who], Trait.BILL_DAY) * 20).astype(np.int64)
    # who pays late pays some days after the due date, and within the month
    day += np.where(late, draws.integers(3, 8, len(who)), 0)
    second = day * DAY_SECONDS + draws.integers(6 * 3_600, 20 * 3_600, len(who))
    on_top = 0.12 * draws.standard_exponential(len(who)) * (draws.random(len(who)) < 0.3)
    return who, second, people.price[who] * (1 + on_top), np.full(len(who), PAID), late


def _smaller(cast: Cast, conduct: Conduct, draws: np.random.Generator) -> tuple[Array, ...]:
    """Return the top-ups of prepaid customers, 1 to 3, and the purchases of the others."""
    people = cast.people
    prepaid = is_prepaid(people.key)
    means = np.where(prepaid, _TOP_UPS, _PURCHASES) * conduct.top_ups
    count = np.minimum(draws.poisson(means), 2)
    stops = draws.random(len(people)) > np.minimum(conduct.top_ups, 1)  # a leaving customer tops up no more
    new = people.joined == cast.index
    count += prepaid & ~stops & ~new
    count[conduct.unpaid] = 0
    who = repeated(count)
    second = draws.integers(0, (cast.month.snapshot - cast.month.start).days * DAY_SECONDS, len(who))
    wanted = people.price[who] / 1.7 * np.exp(0.3 * draws.standard_normal(len(who)))
    step = _PRICE_STEPS[np.searchsorted(_PRICE_STEPS[1:] - 2.5, wanted)]
    bought = np.floor(2 + 9 * draws.random(len(who)) ** 2) + 0.99
    return (
        who,
        second,
        np.where(prepaid[who], step, bought),
        np.full(len(who), PAID),
        np.zeros(len(who), dtype=np.bool_),
    )


def _failures(cast: Cast, conduct: Conduct, draws: np.random.Generator) -> tuple[Array, ...]:
    """Return the attempts to collect that failed."""
    people = cast.people
    postpaid = ~is_prepaid(people.key)
    count = draws.poisson(np.where(postpaid, conduct.failed_attempts, 0.01))
    count = np.where(conduct.unpaid & (cast.people.joined < cast.index), count + 1, count)
    who = repeated(count)
    day = (uniform_trait(people.key[who], Trait.BILL_DAY) * 20).astype(np.int64) + draws.integers(
        0, 8, len(who)
    )
    second = day * DAY_SECONDS + draws.integers(6 * 3_600, 20 * 3_600, len(who))
    return who, second, people.price[who], np.full(len(who), FAILED), np.zeros(len(who), dtype=np.bool_)


def _first_charges(cast: Cast, draws: np.random.Generator) -> tuple[Array, ...]:
    """Return what new customers pay within the day of their signup."""
    people = cast.people
    who = np.flatnonzero(people.joined == cast.index)
    second = draws.integers(8 * 3_600, 20 * 3_600, len(who))
    second = second + (signup_day(people.key[who]).astype(np.int64) - 1) * DAY_SECONDS
    return who, second, people.price[who], np.full(len(who), PAID), np.zeros(len(who), dtype=np.bool_)
