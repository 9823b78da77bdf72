"""Support tickets: those opened in a month, and once more those of the month before that were still open at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from churn_assets.simulator.clock import hours_of, start_microseconds
from churn_assets.simulator.conduct import DAY_SECONDS, Conduct
from churn_assets.simulator.draws import Array, Stream, generator
from churn_assets.simulator.population import Cast
from churn_assets.simulator.rows import event_ids, repeated

_MEDIAN_HOURS, _HOURS_SPREAD = 30.0, 1.1
_LONGEST_HOURS = 27 * 24.0  # so that a ticket is resolved by the end of the month after it was opened
_HOUR = 3_600_000_000
_ESCALATED_TAKE = 1.8


@dataclass(frozen=True)
class Tickets:
    """Tickets of one chunk; times in microseconds since 1970.

    Attributes:
        place: the customer's place in the cast of the month in which the ticket was opened.
    """

    place: Array
    ticket_id: Array
    customer_id: Array
    opened: Array
    escalated: Array
    complaint: Array
    resolved: Array
    hours: Array

    def chosen(self, mask: Array) -> Tickets:
        """Return some of the tickets."""
        return Tickets(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


def opened_tickets(cast: Cast, customer_ids: Array, conduct: Conduct, seed: int) -> Tickets:
    """Return the tickets that a cast opens in its month, with their final outcome."""
    draws = generator(seed, Stream.SUPPORT, cast.index, cast.chunk)
    who = repeated(draws.poisson(conduct.tickets))
    hours_table = hours_of(cast.month, peak=True)
    second = hours_table[draws.integers(0, len(hours_table), len(who))].astype(np.int64)
    second += draws.integers(0, 3_600, len(who))
    inside = (second >= conduct.first_second[who]) & (second < _last_second(cast, conduct)[who])
    who, second = who[inside], second[inside]
    escalated = draws.random(len(who)) < conduct.escalated_share[who]
    complaint = draws.random(len(who)) < conduct.complaint_share[who]
    usual = _MEDIAN_HOURS * np.exp(_HOURS_SPREAD * draws.standard_normal(len(who)))
    hours: Array = usual * conduct.resolution[who] * np.where(escalated, _ESCALATED_TAKE, 1.0)
    hours = np.round(np.clip(hours, 0.1, _LONGEST_HOURS), 1)
    opened = start_microseconds(cast.month) + second * 1_000_000
    return Tickets(
        place=who,
        ticket_id=event_ids(cast, len(who)),
        customer_id=customer_ids[who],
        opened=opened,
        escalated=escalated,
        complaint=complaint,
        resolved=opened + np.round(hours * 10).astype(np.int64) * (_HOUR // 10),
        hours=hours,
    )


def _last_second(cast: Cast, conduct: Conduct) -> Array:
    """Return when a customer can open tickets no more: care is called by who no longer uses the telephone, too."""
    month_end = int((cast.month.snapshot - cast.month.start).total_seconds())
    last = np.full(len(conduct.end_second), month_end, dtype=np.int64)
    last[cast.active :] = (cast.left_on.astype(np.int64) - 1) * DAY_SECONDS
    return last


def departures(cast: Cast) -> Array:
    """Return when each of the customers active at the month's beginning left in it, in microseconds; else far away."""
    when = np.full(cast.active, np.iinfo(np.int64).max)
    when[cast.left_slot] = (
        start_microseconds(cast.month) + (cast.left_on.astype(np.int64) - 1) * DAY_SECONDS * 1_000_000
    )
    return when


def still_open(tickets: Tickets, cast: Cast) -> Tickets:
    """Return the tickets of the active customers that are open at the month's snapshot."""
    snapshot = start_microseconds(cast.month.next())
    return tickets.chosen((tickets.place < cast.active) & (tickets.resolved >= snapshot))


def support_tickets(cast: Cast, opened: Tickets, open_before: Tickets) -> dict[str, Array]:
    """Return the columns of a month's delivery: each ticket in its state at the month's end."""
    snapshot = start_microseconds(cast.month.next())
    left = departures(cast)
    closed = open_before.chosen(
        open_before.resolved < left[open_before.place]
    )  # nobody works for who has left
    ends = np.full(len(cast.people), snapshot)
    ends[cast.active :] = left[cast.left_slot]
    limits = np.concatenate([np.full(len(closed.place), snapshot), ends[opened.place]])
    both = [
        np.concatenate([getattr(closed, name), getattr(opened, name)])
        for name in Tickets.__dataclass_fields__
    ]
    tickets = replace(opened, **dict(zip(Tickets.__dataclass_fields__, both, strict=True)))
    is_open = tickets.resolved >= limits
    return {
        "ticket_id": tickets.ticket_id,
        "customer_id": tickets.customer_id,
        "ticket_date": tickets.opened,
        "is_escalated": tickets.escalated,
        "is_complaint": tickets.complaint,
        "resolved_at": np.ma.masked_array(tickets.resolved, is_open),
        "resolution_hours": np.ma.masked_array(tickets.hours, is_open),
    }
