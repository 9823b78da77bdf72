"""When things happen within a month: weekly and daily rhythm as a table of hours, one for peak and one for the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn_assets.domain.months import Month

SLOTS = 8_192
PEAK_HOURS = range(8, 20)
_WEEKEND_WEIGHT = 0.85
_NIGHT_WEIGHT = 0.15  # from 1 to 6 o'clock, against 1 for the other hours outside the peak
EPOCH_1970 = np.datetime64("1970-01-01", "us")


def start_microseconds(month: Month) -> int:
    """Return the month's first instant in microseconds since 1970."""
    return int((np.datetime64(month.start, "us") - EPOCH_1970).astype(np.int64))


def month_days(month: Month) -> int:
    """Return the number of days of the month."""
    return (month.snapshot - month.start).days


def hours_of(month: Month, *, peak: bool) -> NDArray[np.int32]:
    """Return the seconds from the month's start to the hour of each of `SLOTS` equally likely slots."""
    hours = np.arange(month_days(month) * 24)
    weekday = (month.start.weekday() + hours // 24) % 7
    of_day = hours % 24
    weight = np.where(weekday >= 5, _WEEKEND_WEIGHT, 1.0) * np.where(
        (of_day >= 1) & (of_day < 6), _NIGHT_WEIGHT, 1.0
    )
    in_peak = (of_day >= PEAK_HOURS.start) & (of_day < PEAK_HOURS.stop)
    cumulated = np.cumsum(np.where(in_peak == peak, weight, 0.0))
    place = (np.arange(SLOTS) + 0.5) / SLOTS * cumulated[-1]
    hour: NDArray[np.int32] = np.searchsorted(cumulated, place).astype(np.int32)
    return hour * np.int32(3_600)
