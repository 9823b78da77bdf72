"""Application use: the days of a month on which a customer opened the application, and how often."""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.clock import month_days
from churn_assets.simulator.conduct import DAY_SECONDS, Conduct
from churn_assets.simulator.draws import Array, Stream, generator
from churn_assets.simulator.population import Cast

_FIRST_DAY = np.datetime64("1970-01-01", "D")
_MOST_FURTHER_SESSIONS = 60


def app_usage(cast: Cast, customer_ids: Array, conduct: Conduct, seed: int) -> dict[str, Array]:
    """Return the columns of the application use of a cast."""
    draws = generator(seed, Stream.APPLICATION, cast.index, cast.chunk)
    users = np.flatnonzero(conduct.app_days > 0)
    days = month_days(cast.month)
    used = draws.random((len(users), days), dtype=np.float32) < conduct.app_days[users, None]
    user, day = np.nonzero(used)
    who = users[user]
    start = day.astype(np.int32) * DAY_SECONDS
    inside = (start >= conduct.first_second[who]) & (start < conduct.end_second[who])
    who, day = who[inside], day[inside]
    mean = conduct.app_sessions[who]
    further = draws.standard_exponential(len(who), dtype=np.float32) / np.log1p(
        1 / mean
    )  # its floor is geometric
    month_start = (np.datetime64(cast.month.start, "D") - _FIRST_DAY).astype(np.int32)
    return {
        "customer_id": customer_ids[who],
        "usage_date": (month_start + day).astype(np.int32),
        "sessions": 1 + np.minimum(further, _MOST_FURTHER_SESSIONS).astype(np.int32),
    }
