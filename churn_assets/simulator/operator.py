"""The embedded operator: plays the months of a telecom operator's IT and writes its deliveries, and the truth apart."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_assets.domain.months import Month
from churn_assets.domain.tables import (
    APP_USAGE,
    BY_NAME,
    CALL_RECORDS,
    CUSTOMERS,
    SUPPORT_TICKETS,
    TABLES,
    TRANSACTIONS,
)
from churn_assets.simulator import truth
from churn_assets.simulator.application import app_usage
from churn_assets.simulator.billing import transactions
from churn_assets.simulator.calls import call_records
from churn_assets.simulator.conduct import Conduct, conduct
from churn_assets.simulator.crm import customers as crm_customers
from churn_assets.simulator.delivery import arrow_table, growing_files, path_of
from churn_assets.simulator.dirt import CORRECTED, deliver_dirty, dirty_tables
from churn_assets.simulator.draws import Array, customer_ids
from churn_assets.simulator.drift import Conditions, conditions
from churn_assets.simulator.incidents import INCIDENTS, Incident
from churn_assets.simulator.population import Cast, Population, check_first_month, run_up
from churn_assets.simulator.support import Tickets, opened_tickets, still_open, support_tickets
from churn_assets.simulator.worlds import World, world_named

_THREADS = 2
_CHUNKS_AHEAD = 3  # chunks that may wait for the writer: this bounds the memory
_TRUTH = "truth"


@dataclass(frozen=True)
class Simulation:
    """What was written.

    Attributes:
        months: the delivered months.
        rows: rows by table, over all months, before any dirt.
        event_rows: rows of the four event tables.
        seconds: time that it took, the run-up of the population included.
    """

    months: tuple[Month, ...]
    rows: dict[str, int]
    event_rows: int
    seconds: float


def simulate(  # noqa: PLR0913  each is an option of the command
    out: Path,
    *,
    customers: int,
    months: int,
    until: Month,
    world: str,
    seed: int,
    incidents: Sequence[Incident] = (),
    progress: Callable[[Month, str], None] | None = None,
) -> Simulation:
    """Write the deliveries of a simulated operator to `out`, and the truth to `out/.truth`.

    Args:
        out: delivery folder; made when missing.
        customers: active customers at every snapshot.
        months: number of months to deliver.
        until: the last of them.
        world: name of the hazard world, see `worlds`.
        seed: the same seed gives the same bytes.
        incidents: what goes wrong or changes.
        progress: called with month and table when that delivery is written.

    Raises:
        ValueError: an argument is impossible, or the folder holds another operator's deliveries.
    """
    started = time.perf_counter()
    preset, first = world_named(world), until.plus(1 - months)
    _check(customers, months, seed)
    check_first_month(first)
    text = truth.world_text(preset, seed, customers, incidents)
    truth.check_same_operator(out, text)
    truth.write_world(out, text)
    tell = progress or (lambda _month, _table: None)
    with ThreadPoolExecutor(_THREADS) as pool:
        play = _Play(preset, seed, customers, incidents, pool)
        play.run_up(first.previous())
        rows: dict[str, int] = {}
        for month in first.until(until):
            for table, count in play.deliver_next(out).items():
                rows[table] = rows.get(table, 0) + count
                tell(month, table)
    event_rows = sum(count for table, count in rows.items() if table != CUSTOMERS.name)
    return Simulation(tuple(first.until(until)), rows, event_rows, time.perf_counter() - started)


def _check(customers: int, months: int, seed: int) -> None:
    for name, value, least in (("customers", customers, 10), ("months", months, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")


@dataclass(frozen=True)
class _Chunk:
    """What one chunk contributes to a month."""

    number: int
    tables: dict[str, pa.Table]
    open_tickets: Tickets


class _Play:
    """An operator in the middle of its life: its population, and the tickets that are open."""

    def __init__(
        self, world: World, seed: int, customers: int, incidents: Sequence[Incident], pool: ThreadPoolExecutor
    ) -> None:
        self._world, self._seed, self._incidents, self._pool = world, seed, incidents, pool
        self._known: dict[Month, Conditions] = {}
        self._population = Population(world, seed, customers, self._conditions, pool)
        self._open: dict[int, Tickets] = {}

    def run_up(self, until: Month) -> None:
        """Live without deliveries up to a month; of the last one the open tickets are remembered."""
        run_up(self._population, until)
        casts = self._pool.map(self._tickets_left_open, self._population.chunks)
        self._open = dict(zip(self._population.chunks, casts, strict=True))

    def deliver_next(self, out: Path) -> dict[str, int]:
        """Live the next month and write its deliveries; return the rows by table."""
        self._population.advance()
        month = self._population.month
        dirty = dirty_tables(self._incidents, month)
        paths = {
            table.name: path_of(out / CORRECTED if table.name in dirty else out, table.name, month)
            for table in TABLES
        }
        paths[_TRUTH] = out / truth.FOLDER / f"{month}.parquet"
        with growing_files(paths) as files:
            for chunk in self._chunks_in_order():
                for name, rows in chunk.tables.items():
                    files[name].append(rows)
                self._open[chunk.number] = chunk.open_tickets
        self._spoil(out, month, dirty, paths[CUSTOMERS.name])
        return {table.name: files[table.name].rows for table in TABLES}

    def _spoil(self, out: Path, month: Month, dirty: dict[str, list[Incident]], customers: Path) -> None:
        """Deliver the spoilt files, and remove what an earlier run with other incidents left behind."""
        injected = []
        for table, incidents in dirty.items():
            injected += deliver_dirty(out, month, table, incidents, self._seed, customers)
        for table in BY_NAME.keys() - dirty.keys():
            path_of(out, table, month, ".csv").unlink(missing_ok=True)
            path_of(out / CORRECTED, table, month).unlink(missing_ok=True)
        truth.write_month(out, month, injected)

    def _conditions(self, month: Month) -> Conditions:
        if month not in self._known:
            self._known[month] = conditions(self._world, month, self._incidents)
        return self._known[month]

    def _chunks_in_order(self) -> Iterator[_Chunk]:
        """Yield the chunks in order while the next ones are being made."""
        waiting: deque[Future[_Chunk]] = deque()
        for chunk in self._population.chunks:
            waiting.append(self._pool.submit(self._chunk, chunk))
            if len(waiting) >= _CHUNKS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _chunk(self, number: int) -> _Chunk:
        cast, ids, behaviour = self._cast(number)
        opened = opened_tickets(cast, ids, behaviour, self._seed)
        tables = {
            CUSTOMERS.name: arrow_table(CUSTOMERS, crm_customers(cast, ids)),
            TRANSACTIONS.name: arrow_table(TRANSACTIONS, transactions(cast, ids, behaviour, self._seed)),
            CALL_RECORDS.name: arrow_table(CALL_RECORDS, call_records(cast, ids, behaviour, self._seed)),
            SUPPORT_TICKETS.name: arrow_table(
                SUPPORT_TICKETS, support_tickets(cast, opened, self._open[number])
            ),
            APP_USAGE.name: arrow_table(APP_USAGE, app_usage(cast, ids, behaviour, self._seed)),
            _TRUTH: truth.truth_table(cast, ids),
        }
        return _Chunk(number, tables, still_open(opened, cast))

    def _tickets_left_open(self, number: int) -> Tickets:
        cast, ids, behaviour = self._cast(number)
        return still_open(opened_tickets(cast, ids, behaviour, self._seed), cast)

    def _cast(self, number: int) -> tuple[Cast, Array, Conduct]:
        cast = self._population.cast(number)
        ids: Array = customer_ids(self._seed, cast.people.serial)
        factor = self._conditions(cast.month).data_factor
        with np.errstate(under="ignore"):
            return cast, ids, conduct(cast, self._seed, self._world.signal_strength, factor)


__all__: Sequence[str] = ("INCIDENTS", "Incident", "Simulation", "simulate")
