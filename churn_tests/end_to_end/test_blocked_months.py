"""Deliveries that no one may build on: the month is blocked with a sentence, nothing of it is published, a right file heals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl
import pytest

from churn_tests.end_to_end.installation import APRIL, FEBRUARY, JANUARY, MARCH, Installation
from churn_tests.end_to_end.spoiling import NOBODY, changed, later, parquet, repeated

BEFORE = (JANUARY, FEBRUARY, MARCH)


class Spoilt(NamedTuple):
    """A spoilt file, and what the sentence about it says beside table and month."""

    table: str
    content: Callable[[pl.DataFrame], pl.DataFrame | bytes | None]
    says: tuple[str, ...]
    form: str = ".parquet"


FILES = {
    "missing": Spoilt("transactions", lambda _: None, ("there is no such file",)),
    "empty": Spoilt("customers", lambda _: b"", ("customers/2025-04.parquet", "0 bytes")),
    "torn": Spoilt(
        "call_records", lambda rows: parquet(rows)[:5_000], ("call_records/2025-04.parquet", "footer")
    ),
    "damaged": Spoilt(
        "transactions",
        lambda rows: parquet(rows)[:9] + bytes(2_000) + parquet(rows)[2_009:],
        ("transactions/2025-04.parquet", "damaged"),
    ),
    "no Parquet": Spoilt(
        "app_usage", lambda _: b"The export failed.\n", ("app_usage/2025-04.parquet", "no Parquet")
    ),
    "Latin-1": Spoilt(
        "support_tickets",
        lambda rows: rows.with_columns(note=pl.lit("perché")).write_csv().encode("latin-1"),
        ("support_tickets/2025-04.csv", "UTF-8"),
        ".csv",
    ),
    "renamed column": Spoilt("customers", lambda rows: rows.rename({"region": "regione"}), ("region",)),
    "missing column": Spoilt("app_usage", lambda rows: rows.drop("sessions"), ("sessions",)),
    "column of another type": Spoilt(
        "transactions",
        lambda rows: rows.with_columns(pl.col("amount").cast(pl.String)),
        ("amount", "String", "Float64"),
    ),
    "value that does not fit": Spoilt(
        "call_records",
        lambda rows: rows.with_columns(pl.col("duration_seconds").cast(pl.Int64) + 2**40),
        ("duration_seconds", "Int32"),
    ),
}
ROWS = {
    "too many nulls": Spoilt(
        "transactions", lambda rows: changed(rows, 60, amount=None), ("60 null", "at most 1.00%")
    ),
    "too many out of bounds": Spoilt(
        "app_usage", lambda rows: changed(rows, rows.height // 50, sessions=0), ("bounds", "at most 1.00%")
    ),
    "too many unknown customers": Spoilt(
        "support_tickets", lambda rows: changed(rows, 9, customer_id=NOBODY), ("9 unknown_customer",)
    ),
    "too many outside the month": Spoilt(
        "call_records", lambda rows: changed(rows, 600, call_date=later("call_date")), ("600 date",)
    ),
    "too many vanished": Spoilt(
        "customers",
        lambda rows: rows.filter(pl.col("churned_on").is_not_null() | (pl.int_range(pl.len()) >= 30)),
        ("vanished", "at most 1.00%"),
    ),
    "file appended to itself": Spoilt(
        "transactions", lambda rows: repeated(rows, rows.height), ("factor of 1.5",)
    ),
    "half of the rows": Spoilt("call_records", lambda rows: rows[::2], ("factor of 1.5",)),
    "no rows": Spoilt("app_usage", lambda rows: rows.clear(), ("no rows",)),
    "no customers": Spoilt("customers", lambda rows: rows.clear(), ("no rows",)),
    "null column": Spoilt(
        "customers", lambda rows: rows.with_columns(region=pl.lit(None, pl.String)), ("region", "null")
    ),
    "cents for euros": Spoilt(
        "transactions", lambda rows: rows.with_columns(pl.col("amount") * 100), ("amount", "factor of 2")
    ),
}


@pytest.fixture(scope="module")
def installation(to_march: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """January to March are in; each test spoils April in another way and puts the right file back."""
    return to_march.copied(tmp_path_factory.mktemp("blocked"))


@pytest.mark.parametrize("spoilt", [*FILES.values(), *ROWS.values()], ids=[*FILES, *ROWS])
def test_the_month_is_blocked_and_the_sentence_says_why(
    installation: Installation, to_march: Installation, spoilt: Spoilt
) -> None:
    content = spoilt.content(installation.rows(spoilt.table, APRIL))
    right = installation.withdraw(spoilt.table, APRIL)
    if content is not None:
        installation.deliver(spoilt.table, APRIL, content, spoilt.form)

    (april,) = installation.live(APRIL, since=APRIL)

    if content is not None:
        installation.withdraw(spoilt.table, APRIL, spoilt.form)
    installation.deliver(spoilt.table, APRIL, right)
    assert april.outcome == "blocked"
    for part in (spoilt.table, "2025-04", *spoilt.says):
        assert part in april.sentence
    assert installation.status(APRIL) == ("blocked", april.sentence)
    assert installation.published([APRIL]) == {}
    assert installation.published(BEFORE) == to_march.bits_of(BEFORE)


def test_a_blocked_month_shows_what_was_found_in_it(
    installation: Installation, to_april: Installation
) -> None:
    rows = to_april.rows("transactions", APRIL)
    installation.deliver("transactions", APRIL, changed(rows, 60, amount=None))

    installation.live(APRIL, since=APRIL)

    counts = installation.counts(APRIL, "transactions")
    assert counts["quarantined"] == 60
    assert "60 null" in str(counts["blocked_by"])
    refused = installation.quarantined(APRIL, "transactions")
    assert set(refused["transaction_id"]) == set(rows["transaction_id"].head(60))


def test_two_files_of_one_month_are_named_both(installation: Installation, to_april: Installation) -> None:
    installation.deliver("transactions", APRIL, to_april.path("transactions", APRIL).read_bytes())
    installation.deliver("transactions", APRIL, to_april.rows("transactions", APRIL), ".csv")

    (april,) = installation.live(APRIL, since=APRIL)

    installation.withdraw("transactions", APRIL, ".csv")
    assert april.outcome == "blocked"
    assert "transactions/2025-04.parquet and transactions/2025-04.csv are both there" in april.sentence


def test_a_first_month_is_compared_with_nothing_and_the_next_one_with_it(
    new_installation: Installation, to_april: Installation
) -> None:
    rows = new_installation.rows("transactions", JANUARY)
    new_installation.deliver("transactions", JANUARY, rows.with_columns(pl.col("amount") * 100))

    january, february = new_installation.live(FEBRUARY)

    assert (january.outcome, february.outcome) == ("done", "blocked")
    assert "transactions.amount has a median of" in february.sentence
    new_installation.deliver("transactions", JANUARY, rows)
    new_installation.live(FEBRUARY)
    months = (JANUARY, FEBRUARY)
    assert new_installation.published(months) == to_april.bits_of(months)


def test_the_right_files_heal_the_month_to_the_bit(
    installation: Installation, to_april: Installation
) -> None:
    installation.deliver("transactions", APRIL, to_april.path("transactions", APRIL).read_bytes())

    assert installation.live(APRIL)[-1].outcome == "done"

    every = (*BEFORE, APRIL)
    assert installation.published(every) == to_april.bits_of(every)
    assert installation.status(APRIL) == ("published", "")
