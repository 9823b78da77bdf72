"""The population from month to month: who is there, who leaves, who comes, and with what probability.

Each of N slots holds one customer at every snapshot; who leaves during a month gives the slot to a joiner of the same
month. The months are lived from a fixed epoch on, so that the customers are the same whichever months are delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.domain.months import Month
from churn_assets.simulator.customers import (
    LEAVING,
    MONTHLY,
    NEVER,
    NOT_PAYING,
    PREPAID,
    STAYING,
    TERM_MONTHS,
    Customers,
    concatenated,
    first_customers,
    joiners,
    payment_method,
)
from churn_assets.simulator.draws import Array, Floats, Stream, generator
from churn_assets.simulator.drift import Conditions
from churn_assets.simulator.hazard import (
    Standardisation,
    lasting_part,
    logit,
    score,
    season,
    sigmoid,
)
from churn_assets.simulator.worlds import World

EPOCH = Month(2019, 1)
"""The month in which the simulated operator's life begins; deliveries are possible from the month after."""
CHUNK = 65_536
"""Customers in one piece of work; the random numbers are keyed by it, so it is no setting."""

_STANDARDISED_FROM = 131_072  # scores; more would not change the quantiles visibly
_SATISFACTION_MEMORY = np.float32(0.85)
_STAYS_LEAVING = 0.5  # of those who did not go; the others think again
_NOT_PAYING_SHARE = 0.15  # of those who start leaving, where there is a bill to leave unpaid
_MOST_LIKELY = 0.97  # ceiling of a hazard that a price rise multiplies


@dataclass(frozen=True)
class Cast:
    """The customers of one month and chunk: first those active at the snapshot, then those who left in the month.

    Attributes:
        month: the month.
        chunk: number of the chunk.
        people: customers, as of the snapshot or of the one before they left.
        active: how many of them are active at the snapshot.
        left_on: day of the month on which each of the others left, 1 to 31.
        left_slot: place among the active, where the successor is.
        probability: the active customers' probability of leaving in the next month.
        leaves: whether they do.
    """

    month: Month
    chunk: int
    people: Customers
    active: int
    left_on: NDArray[np.int8]
    left_slot: NDArray[np.int64]
    probability: Floats
    leaves: NDArray[np.bool_]

    @property
    def index(self) -> int:
        """The month counted from the epoch."""
        return self.month.since(EPOCH)


class Population:
    """All customers of an operator at one snapshot."""

    def __init__(
        self,
        world: World,
        seed: int,
        customers: int,
        conditions: Callable[[Month], Conditions],
        pool: ThreadPoolExecutor,
    ) -> None:
        self.month = EPOCH
        self._world, self._seed, self._count = world, seed, customers
        self._conditions, self._pool = conditions, pool
        self._pieces = [slice(start, min(start + CHUNK, customers)) for start in range(0, customers, CHUNK)]
        self.chunks = range(len(self._pieces))
        serials = np.arange(customers, dtype=np.int64)
        starters = pool.map(
            lambda chunk: first_customers(seed, serials[self._pieces[chunk]], 0, chunk), self.chunks
        )
        self._people = concatenated(list(starters))
        self._lasting = np.empty(customers, dtype=np.float32)
        self._scores = np.empty(customers, dtype=np.float32)
        self._probability = np.empty(customers, dtype=np.float32)
        self._leaves = np.zeros(customers, dtype=np.bool_)
        nobody, none = self._people.part(slice(0)), np.zeros(0, dtype=np.int64)
        self._left = [(nobody, none.astype(np.int8), none) for _ in self.chunks]
        self._over_chunks(self._settle)
        self._judge()

    def advance(self) -> None:
        """Live the next month: customers leave, join, renew, change plans, and make up their minds."""
        self.month = self.month.next()
        self._left = list(self._pool.map(self._live, self.chunks))
        self._judge()

    def cast(self, chunk: int) -> Cast:
        """Return the customers of the month in one chunk."""
        piece = self._pieces[chunk]
        left, left_on, left_slot = self._left[chunk]
        return Cast(
            month=self.month,
            chunk=chunk,
            people=concatenated([self._people.part(piece), left]),
            active=piece.stop - piece.start,
            left_on=left_on,
            left_slot=left_slot,
            probability=self._probability[piece].copy(),
            leaves=self._leaves[piece].copy(),
        )

    def _over_chunks(self, work: Callable[[int], None]) -> None:
        for _ in self._pool.map(work, self.chunks):
            pass

    def _settle(self, chunk: int) -> None:
        """Give the first customers their states and scores."""
        piece = self._pieces[chunk]
        people = self._people.part(piece)
        draws = generator(self._seed, Stream.POPULATION, 0, chunk)
        self._change_minds(people, self._conditions(EPOCH).leaving_share, draws)
        self._lasting[piece] = lasting_part(people.key, self._world)
        self._scores[piece] = score(people, self._lasting[piece], 0)

    def _live(self, chunk: int) -> tuple[Customers, NDArray[np.int8], NDArray[np.int64]]:
        """Live one month in one chunk; return who left, on which day, and from which slot."""
        piece, month = self._pieces[chunk], self.month.since(EPOCH)
        people = self._people.part(piece)  # a view: what is changed below is changed in the population
        draws = generator(self._seed, Stream.POPULATION, month, chunk)
        slots = np.flatnonzero(self._leaves[piece])
        left = people.part(slots)
        days = (self.month.snapshot - self.month.start).days
        left_on = draws.integers(1, days, size=len(slots), endpoint=True, dtype=np.int8)
        self._change_contracts(people, month, draws)
        news = draws.standard_normal(len(people), dtype=np.float32)
        people.satisfaction[:] = _SATISFACTION_MEMORY * people.satisfaction
        people.satisfaction += np.sqrt(1 - _SATISFACTION_MEMORY**2) * news
        people.replace(slots, joiners(self._seed, left.serial + self._count, month))
        self._change_minds(people, self._conditions(self.month).leaving_share, draws)
        self._lasting[piece][slots] = lasting_part(people.key[slots], self._world)
        self._scores[piece] = score(people, self._lasting[piece], month)
        return left, left_on, slots

    def _change_contracts(self, people: Customers, month: int, draws: np.random.Generator) -> None:
        """Let contracts be renewed, before or after their end, lapse or be entered, and plans change."""
        chance = draws.random(len(people), dtype=np.float32)
        months_left = people.contract_end - np.int16(month)
        ending = np.flatnonzero(months_left <= 2)
        luck, over = chance[ending], months_left[ending] <= 0
        renewing = ending[np.where(over, luck < 0.35, luck < 0.10)]
        lapsing = ending[over & (luck >= 0.35) & (luck < 0.40)]
        changing = np.flatnonzero(chance >= 1 - 0.014)
        binding = np.flatnonzero((chance >= 0.5) & (chance < 0.506) & (people.contract == MONTHLY))
        binding = binding[payment_method(people.key[binding]) != PREPAID]
        people.contract[binding] = 1 + (people.key[binding] & np.uint64(1)).astype(np.int8)
        starting = np.concatenate([renewing, binding])
        people.contract_end[starting] = month + TERM_MONTHS[people.contract[starting]]
        people.contract[lapsing] = MONTHLY
        people.contract_end[lapsing] = NEVER
        repriced = np.concatenate([renewing[draws.random(len(renewing)) < 0.5], changing])
        self._change_prices(people, np.unique(repriced), month, draws)

    def _change_prices(
        self, people: Customers, chosen: Array, month: int, draws: np.random.Generator
    ) -> None:
        """Give the chosen a new price: more often a rise than a rebate."""
        size = draws.random(len(chosen))
        ratio = np.where(draws.random(len(chosen)) < 0.6, 1.04 + 0.2 * size, 0.96 - 0.2 * size)
        old = people.price[chosen]
        people.previous_price[chosen] = old
        people.price[chosen] = np.round(np.clip(old * ratio, 3.99, 149.99), 2)
        people.changed[chosen] = month

    def _change_minds(self, people: Customers, share: float, draws: np.random.Generator) -> None:
        """Let some of the leaving who did not go think again, and others start, so that the share is the world's."""
        leaving = np.flatnonzero(people.state != STAYING)
        people.state[leaving[draws.random(len(leaving)) >= _STAYS_LEAVING]] = STAYING
        others = np.flatnonzero((people.state == STAYING) & (people.joined < self.month.since(EPOCH)))
        wanted = int(share * len(people) + draws.random())
        missing = wanted - int(np.count_nonzero(people.state != STAYING))
        starting = draws.choice(others, max(0, min(missing, len(others))), replace=False, shuffle=False)
        self._start_leaving(people, starting, draws)

    def _start_leaving(self, people: Customers, chosen: Array, draws: np.random.Generator) -> None:
        """Put the chosen into a leaving state; only who gets bills can leave them unpaid."""
        postpaid = payment_method(people.key[chosen]) != PREPAID
        unpaid = postpaid & (draws.random(len(chosen)) < _NOT_PAYING_SHARE)
        people.state[chosen] = np.where(unpaid, NOT_PAYING, LEAVING)

    def _judge(self) -> None:
        """Draw every customer's probability and outcome for the coming month."""
        stride = max(self._count // _STANDARDISED_FROM, 1)
        staying = self._people.state[::stride] == STAYING
        standard = Standardisation.fitted(self._scores[::stride][staying])
        self._over_chunks(lambda chunk: self._judge_chunk(chunk, standard))

    def _judge_chunk(self, chunk: int, standard: Standardisation) -> None:
        piece, world, now = self._pieces[chunk], self._world, self._conditions(self.month)
        people = self._people.part(piece)
        draws = generator(self._seed, Stream.OUTCOME, self.month.since(EPOCH), chunk)
        centre = logit(world.base_hazard) + now.base_shift + season(self.month.number)
        logits = np.float32(centre) + np.float32(world.base_spread) * standard.apply(self._scores[piece])
        probability = sigmoid(logits)
        if now.bound_factor != 1:
            bound = people.contract != MONTHLY
            probability[bound] = np.minimum(probability[bound] * np.float32(now.bound_factor), _MOST_LIKELY)
        leaving = np.flatnonzero(people.state != STAYING)
        resolve = draws.standard_normal(len(leaving), dtype=np.float32)
        probability[leaving] = sigmoid(logit(world.leaving_hazard) + world.leaving_spread * resolve)
        self._probability[piece] = probability
        self._leaves[piece] = draws.random(len(people), dtype=np.float32) < probability


def run_up(population: Population, until: Month) -> None:
    """Live all months up to one, the last included."""
    while population.month < until:
        population.advance()


def check_first_month(first: Month) -> None:
    """Refuse months before the operator's life.

    Raises:
        ValueError: the month is too early.
    """
    if first <= EPOCH:
        raise ValueError(
            f"the simulated operator delivers from {EPOCH.next()} on, not from {first}: end later or ask for fewer months"
        )
