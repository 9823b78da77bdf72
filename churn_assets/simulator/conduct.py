"""How each customer behaves in a month: the one place in which hazard and state become visible in the events.

All streams read from here, so that they are correlated: a holiday is seen in calls, data and application alike. A
leaving customer's conduct changes in part; some staying customers do the same for reasons of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.simulator.customers import LEAVING, NOT_PAYING, PREPAID, payment_method, usage_level
from churn_assets.simulator.draws import Array, Stream, Trait, generator, normal_trait, uniform_trait
from churn_assets.simulator.hazard import engagement
from churn_assets.simulator.population import Cast

DAY_SECONDS = 86_400
_VOLUME_SEASON = (0.99, 1.0, 1.0, 1.0, 1.01, 1.0, 0.98, 0.93, 1.0, 1.01, 1.01, 1.05)  # January to December
_HOLIDAY_SHARE, _AUGUST_HOLIDAY_SHARE = 0.025, 0.05
_COMPLAINING_SHARE, _OVERSIGHT_SHARE, _WAVERING_SHARE = 0.012, 0.015, 0.003
_WAVERING_STRENGTH = 0.45


@dataclass(frozen=True)
class Conduct:
    """What is expected of each customer of a cast in its month; arrays of the cast's length.

    Attributes:
        first_second: second of the month from which on there are events.
        end_second: second of the month from which on there are none.
        calls: call records in a whole month.
        session_mb: MB of a data session.
        call_seconds: median length of a record.
        short_share: share of records that break off within ten seconds.
        peak_share: share of records in the peak hours.
        abroad_share: share of international records.
        contacts: numbers that the customer calls at all.
        tickets: tickets in a whole month.
        complaint_share: share of the tickets that are complaints.
        resolution: factor on the time that a ticket takes.
        escalated_share: share of the tickets that are escalated.
        top_ups: factor on the number of top-ups and purchases.
        late_share: share of bills paid late.
        failed_attempts: failed attempts to pay in a month.
        unpaid: whether the month's bill stays unpaid.
        app_days: share of the days on which the application is used; 0 for who has it not.
        app_sessions: mean number of further sessions on such a day.
    """

    first_second: NDArray[np.int32]
    end_second: NDArray[np.int32]
    calls: Array
    session_mb: Array
    call_seconds: Array
    short_share: Array
    peak_share: Array
    abroad_share: Array
    contacts: Array
    tickets: Array
    complaint_share: Array
    resolution: Array
    escalated_share: Array
    top_ups: Array
    late_share: Array
    failed_attempts: Array
    unpaid: NDArray[np.bool_]
    app_days: Array
    app_sessions: Array


@dataclass(frozen=True)
class _Moves:
    """Who departs from the usual this month, and how far: 0 for not at all, about 1 for a leaving customer."""

    leaving: Array
    not_paying: Array
    holiday: Array
    complaining: Array
    oversight: Array
    mood: Array
    quiet_days: Array


def conduct(cast: Cast, seed: int, strength: float, data_factor: float) -> Conduct:
    """Return how the customers of a cast behave in its month."""
    keys = cast.people.key
    moves = _moves(cast, seed, strength)
    engaged = engagement(usage_level(keys), cast.people.satisfaction)
    first, end = _span(cast, moves)
    usual = np.exp(moves.mood) * np.float32(_VOLUME_SEASON[cast.month.number - 1])
    has_app = uniform_trait(keys, Trait.APPLICATION) < 0.52
    app_habit = np.exp(0.35 * engaged + 0.35 * normal_trait(keys, Trait.APPLICATION_LEVEL) + moves.mood)
    app_habit *= np.exp(-2.2 * moves.leaving - 0.7 * moves.holiday)
    use = np.exp(-1.25 * moves.leaving - 1.4 * moves.not_paying - 0.6 * moves.holiday)
    leaving, trouble = moves.leaving, moves.complaining + 0.4 * moves.not_paying
    calling = np.exp(0.12 * engaged + 0.42 * normal_trait(keys, Trait.CALLING))
    return Conduct(
        first_second=first,
        end_second=end,
        calls=18.2 * calling * use * usual,
        session_mb=650
        * np.float32(data_factor)
        * np.exp(0.85 * engaged - 1.9 * leaving - 1.9 * moves.not_paying),
        call_seconds=150 * np.exp(0.2 * engaged + 0.2 * normal_trait(keys, Trait.LENGTH) - 1.0 * leaving),
        short_share=_share(-2.75 - 0.35 * normal_trait(keys, Trait.NETWORK) + 2.9 * leaving),
        peak_share=_share(0.45 + 0.35 * normal_trait(keys, Trait.PEAK) - 1.8 * leaving),
        abroad_share=_share(-3.3 + 0.9 * normal_trait(keys, Trait.ABROAD)),
        contacts=np.maximum(11 * np.exp(0.4 * normal_trait(keys, Trait.CONTACTS) - 1.5 * leaving), 1),
        tickets=0.11 * np.exp(-0.25 * cast.people.satisfaction) + 2.1 * leaving + trouble,
        complaint_share=_share(-1.2 + 3.2 * leaving + 1.6 * moves.complaining),
        resolution=np.exp(1.5 * leaving),
        escalated_share=_share(-2.4 + 2.3 * leaving + 0.7 * moves.complaining),
        top_ups=np.exp(-2.4 * leaving + 0.1 * engaged),
        late_share=_share(-3.2 - 0.3 * cast.people.satisfaction + 2.6 * leaving + 2.5 * moves.oversight),
        failed_attempts=0.03 + 0.3 * leaving + 3.6 * moves.not_paying + 0.8 * moves.oversight,
        unpaid=moves.not_paying > 0.25,
        app_days=np.where(has_app, np.minimum(0.26 * app_habit, 0.95), 0),
        app_sessions=2.6 * np.exp(0.25 * engaged - 0.5 * leaving),
    )


def _share(logits: Array) -> Array:
    share: Array = 1 / (1 + np.exp(-logits))
    return share


def _moves(cast: Cast, seed: int, strength: float) -> _Moves:
    """Draw who departs from the usual: the leaving by their state, some of the others by chance."""
    count, state = len(cast.people), cast.people.state
    draws = generator(seed, Stream.CONDUCT, cast.index, cast.chunk)
    clarity = np.float32(strength) * np.exp(np.float32(0.12) * draws.standard_normal(count, dtype=np.float32))
    chance = draws.random((4, count), dtype=np.float32)
    others = state == 0
    wavering = others & (chance[0] < _WAVERING_SHARE)
    holiday_share = _AUGUST_HOLIDAY_SHARE if cast.month.number == 8 else _HOLIDAY_SHARE
    on_holiday = others & (chance[1] < holiday_share)
    leaving = np.where(state == LEAVING, clarity, 0) + np.where(wavering, _WAVERING_STRENGTH * clarity, 0)
    not_paying = np.where(state == NOT_PAYING, clarity, 0)
    quiet = 15 * (leaving + not_paying) + np.where(on_holiday, 5, 0)
    return _Moves(
        leaving=leaving,
        not_paying=not_paying,
        holiday=on_holiday.astype(np.float32),
        complaining=(others & (chance[2] < _COMPLAINING_SHARE)).astype(np.float32),
        oversight=(others & (chance[3] < _OVERSIGHT_SHARE)).astype(np.float32),
        mood=np.float32(0.12) * draws.standard_normal(count, dtype=np.float32),
        quiet_days=quiet * draws.standard_gamma(8.0, count, dtype=np.float32) / 8,
    )


def _span(cast: Cast, moves: _Moves) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the seconds of the month between which a customer has events."""
    month_end = int((cast.month.snapshot - cast.month.start).total_seconds())
    first = np.zeros(len(cast.people), dtype=np.int32)
    new = cast.people.joined == cast.index
    first[new] = (signup_day(cast.people.key[new]) - 1) * DAY_SECONDS
    # who is quiet at the end of the month still has some days before that
    quiet = np.minimum(moves.quiet_days, 22) * DAY_SECONDS
    end = np.maximum(month_end - quiet, np.minimum(first + 4 * DAY_SECONDS, month_end)).astype(np.int32)
    leave = (cast.left_on.astype(np.int32) - 1) * DAY_SECONDS
    end[cast.active :] = np.minimum(end[cast.active :], leave)
    return first, end


def signup_day(keys: Array) -> Array:
    """Return the day of the month of the signup, 1 to 28."""
    return 1 + (uniform_trait(keys, Trait.SIGNUP_DAY) * 28).astype(np.int32)


def is_prepaid(keys: Array) -> NDArray[np.bool_]:
    """Return who tops up instead of getting bills."""
    prepaid: NDArray[np.bool_] = payment_method(keys) == PREPAID
    return prepaid
