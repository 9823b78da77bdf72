"""What the operator promises about its deliveries: the same whatever is asked beside them, and clean without dirt."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from churn_assets.domain.cleaning import judge, vanished
from churn_assets.domain.feed import FeedProfile, feed_faults, profile
from churn_assets.domain.months import Month
from churn_assets.domain.tables import APP_USAGE, CUSTOMERS, EVENT_TABLES, SUPPORT_TICKETS, TABLES
from churn_assets.simulator import operator
from churn_assets.simulator.operator import Simulation, simulate
from churn_assets.simulator.population import EPOCH
from churn_assets.simulator.worlds import world_named
from churn_tests.simulator.conftest import UNTIL

MONTHS = tuple(UNTIL.plus(-23).until(UNTIL))


def _read(out: Path, table: str, month: Month) -> pl.DataFrame:
    return pl.read_parquet(out / table / f"{month}.parquet")


def _hashes(out: Path) -> dict[str, str]:
    files = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != "world.json")
    return {str(path.relative_to(out)): sha256(path.read_bytes()).hexdigest() for path in files}


def _played(
    out: Path, *, months: int, seed: int = 3, customers: int = 400, until: Month = UNTIL
) -> Simulation:
    return simulate(out, customers=customers, months=months, until=until, world="A5", seed=seed)


def test_files_have_the_contracts_columns_and_types(clean_operator: Path) -> None:
    for table in TABLES:
        assert _read(clean_operator, table.name, UNTIL).schema == table.schema


def test_two_clean_years_break_no_rule_and_no_feed(clean_operator: Path) -> None:
    known = pl.Series("customer_id", [], dtype=pl.Int64)
    active: pl.Series | None = None
    profiles: dict[str, list[FeedProfile]] = {table.name: [] for table in TABLES}
    for month in MONTHS:
        customers = _read(clean_operator, CUSTOMERS.name, month)
        known = pl.concat([known, customers["customer_id"]]).unique()
        for table in TABLES:
            rows = _read(clean_operator, table.name, month)
            counts = judge(table, rows, month=month, known_customers=known, active_before=active).counts
            assert counts.accepted == counts.delivered, (table.name, month, counts)
            assert not any(counts.unknown_categories.values())
            current = profile(table, rows)
            assert feed_faults(table, current, profiles[table.name][-3:]) == []
            profiles[table.name].append(current)
        assert vanished(customers, pl.Series("customer_id", [], dtype=pl.Int64), active).count == 0
        active = customers.filter(pl.col("churned_on").is_null())["customer_id"]


def test_no_event_before_the_signup_nor_from_the_departure_on(clean_operator: Path) -> None:
    for month in MONTHS:
        people = _read(clean_operator, CUSTOMERS.name, month)
        for table in EVENT_TABLES:
            events = _read(clean_operator, table.name, month).join(people, on="customer_id", validate="m:1")
            time = pl.col(table.event_time or "").cast(pl.Datetime("us"))
            assert events.filter(time < pl.col("signup_date").cast(pl.Datetime("us"))).is_empty(), (
                table.name,
                month,
            )
            gone = events.filter(time >= pl.col("churned_on").cast(pl.Datetime("us")))
            assert gone.is_empty(), (table.name, month)


def test_who_leaves_is_in_the_delivery_of_that_month_and_in_none_after(clean_operator: Path) -> None:
    gone: set[int] = set()
    for month in MONTHS:
        people = _read(clean_operator, CUSTOMERS.name, month)
        left = people.filter(pl.col("churned_on").is_not_null())
        assert not gone & set(people["customer_id"])
        assert people.height - left.height == 1_500
        assert (left["churned_on"].dt.strftime("%Y-%m") == str(month)).all()
        gone |= set(left["customer_id"])
    assert gone


def test_ids_are_unique_over_all_months(clean_operator: Path) -> None:
    for table in EVENT_TABLES:
        if table in (APP_USAGE, SUPPORT_TICKETS):
            continue  # a day's use has no id of its own, and tickets come again
        ids = pl.concat([_read(clean_operator, table.name, month)[table.key[0]] for month in MONTHS])
        assert ids.is_unique().all()
        assert (ids > 0).all()


def test_open_tickets_come_again_with_their_newer_state(clean_operator: Path) -> None:
    before, after = (_read(clean_operator, SUPPORT_TICKETS.name, month) for month in MONTHS[10:12])

    both = before.join(after, on="ticket_id", suffix="_after")

    assert both.height > 0
    assert both["resolved_at"].null_count() == both.height
    assert both["resolved_at_after"].null_count() == 0
    assert (both["ticket_date"] == both["ticket_date_after"]).all()
    assert (both["customer_id"] == both["customer_id_after"]).all()


def test_truth_names_the_active_customers_and_what_became_of_them(clean_operator: Path) -> None:
    month = MONTHS[5]
    truth = pl.read_parquet(clean_operator / ".truth" / f"{month}.parquet")

    active = _read(clean_operator, CUSTOMERS.name, month).filter(pl.col("churned_on").is_null())
    after = _read(clean_operator, CUSTOMERS.name, month.next()).filter(pl.col("churned_on").is_not_null())

    assert set(truth["customer_id"]) == set(active["customer_id"])
    assert set(truth.filter(pl.col("churned"))["customer_id"]) == set(after["customer_id"])
    assert truth["month"].unique().to_list() == [str(month)]
    assert truth["oracle_p"].is_between(0, 1, closed="none").all()
    assert (truth["leaving"] == (truth["state"] != "staying")).all()


def test_same_seed_gives_the_same_bytes_and_another_seed_other_customers(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        _played(tmp_path / name, months=2, seed=seed)

    assert _hashes(tmp_path / "one") == _hashes(tmp_path / "again")
    one, other = (_read(tmp_path / name, "customers", UNTIL)["customer_id"] for name in ("one", "other"))
    assert len(set(one) & set(other)) < 10


def test_a_month_is_the_same_however_many_are_delivered_with_it(tmp_path: Path) -> None:
    _played(tmp_path / "long", months=5, until=UNTIL.next())
    _played(tmp_path / "short", months=2)

    long, short = _hashes(tmp_path / "long"), _hashes(tmp_path / "short")

    assert short.items() <= long.items()
    assert len(short) == 2 * 7


def test_an_operator_of_several_chunks_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_assets.simulator.population.CHUNK", 150)

    made = _played(tmp_path, months=2, customers=400)

    people = _read(tmp_path, "customers", UNTIL)
    assert people.filter(pl.col("churned_on").is_null()).height == 400
    assert people["customer_id"].is_unique().all()
    rows = {
        table.name: sum(_read(tmp_path, table.name, month).height for month in made.months)
        for table in TABLES
    }
    assert made.rows == rows
    assert made.event_rows == sum(rows.values()) - rows["customers"]


def test_events_do_not_know_the_outcome() -> None:
    with ThreadPoolExecutor(1) as pool:
        play = operator._Play(world_named("A"), 9, 300, (), pool)
        play.run_up(EPOCH)
        play._population.advance()
        as_drawn = play._chunk(0).tables
        play._population._leaves = ~play._population._leaves
        turned_round = play._chunk(0).tables

    for table in TABLES:
        assert as_drawn[table.name].equals(turned_round[table.name])


def test_customer_ids_tell_nothing(clean_operator: Path) -> None:
    truth = pl.read_parquet(clean_operator / ".truth" / "*.parquet")
    people = _read(clean_operator, CUSTOMERS.name, UNTIL)

    with_hazard = np.corrcoef(truth["customer_id"], truth["churned"])[0, 1]
    with_age = np.corrcoef(people["customer_id"], people["signup_date"].to_physical())[0, 1]

    assert (people["customer_id"] > 0).all()
    assert abs(with_hazard) < 4 / np.sqrt(truth.height)
    assert abs(with_age) < 4 / np.sqrt(people.height)


def test_progress_tells_each_table_of_each_month(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    simulate(
        tmp_path, customers=50, months=2, until=UNTIL, world="C2", seed=1,
        progress=lambda month, table: told.append((str(month), table)),
    )  # fmt: skip

    assert told == [(str(month), table.name) for month in MONTHS[-2:] for table in TABLES]


def test_a_folder_of_another_operator_is_refused(tmp_path: Path) -> None:
    _played(tmp_path, months=1)

    with pytest.raises(ValueError, match="deliveries of another operator"):
        _played(tmp_path, months=1, seed=4)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"until": EPOCH.plus(3), "months": 4}, "delivers from 2019-02 on, not from 2019-01"),
        ({"customers": 0}, "customers must be at least"),
        ({"months": 0}, "months must be at least"),
        ({"seed": -1}, "seed must be at least"),
        ({"world": "X"}, "is not a world"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    wish: dict[str, Any] = {"customers": 100, "months": 1, "until": UNTIL, "world": "A", "seed": 1} | changed

    with pytest.raises(ValueError, match=problem):
        simulate(tmp_path, **wish)

    assert not any(tmp_path.iterdir())


def test_summary_is_plain_data(tmp_path: Path) -> None:
    made = _played(tmp_path, months=1)

    assert dataclasses.asdict(made)["months"] == (dataclasses.asdict(UNTIL),)
    assert made.seconds > 0
