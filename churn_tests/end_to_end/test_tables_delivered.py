"""Which tables come, from when on, in which form: late, never, as CSV; and files that are waited for."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from churn_assets.domain.features.catalogue import FEATURES
from churn_tests.end_to_end.installation import APRIL, FEBRUARY, JANUARY, MARCH, Installation

MONTHS = (JANUARY, FEBRUARY, MARCH, APRIL)
EVERY_FEATURE = [feature.name for feature in FEATURES]


def of_other_tables(table: str) -> list[str]:
    """Return the features that do not need a table."""
    return [feature.name for feature in FEATURES if feature.table != table]


def test_a_table_that_is_never_delivered_has_no_features_and_the_rest_is_as_ever(
    new_installation: Installation, to_april: Installation
) -> None:
    shutil.rmtree(new_installation.deliveries / "call_records")

    assert {stage.outcome for stage in new_installation.live(FEBRUARY)} == {"done"}

    matrix = new_installation.matrix(FEBRUARY)
    others = of_other_tables("call_records")
    assert matrix.columns == ["customer_id", "month", *others]
    assert matrix.equals(to_april.matrix(FEBRUARY).select("customer_id", "month", *others))


def test_a_table_counts_as_delivered_from_its_first_month_on(
    new_installation: Installation, to_april: Installation
) -> None:
    new_installation.withdraw("app_usage", JANUARY)

    assert {stage.outcome for stage in new_installation.live(FEBRUARY)} == {"done"}

    others = of_other_tables("app_usage")
    assert new_installation.matrix(JANUARY).columns == ["customer_id", "month", *others]
    assert new_installation.matrix(FEBRUARY).columns == ["customer_id", "month", *EVERY_FEATURE]
    assert new_installation.matrix(FEBRUARY).select(others).equals(to_april.matrix(FEBRUARY).select(others))


def test_and_needs_a_file_for_every_month_since(
    new_installation: Installation, to_april: Installation
) -> None:
    new_installation.withdraw("app_usage", JANUARY)
    new_installation.withdraw("app_usage", MARCH)

    january, february, march = new_installation.live(APRIL)

    assert (january.outcome, february.outcome, march.outcome) == ("done", "done", "blocked")
    assert "table app_usage, month 2025-03" in march.sentence
    for month in (JANUARY, MARCH):
        new_installation.deliver("app_usage", month, to_april.path("app_usage", month).read_bytes())
    new_installation.live(APRIL)
    assert new_installation.published(MONTHS) == to_april.bits_of(MONTHS)


def test_a_csv_file_gives_the_same_bits_as_parquet(
    before_april: Installation, to_april: Installation
) -> None:
    for table in ("customers", "transactions", "call_records", "support_tickets", "app_usage"):
        rows = before_april.rows(table, APRIL)
        before_april.withdraw(table, APRIL)
        # Order of rows and of columns means nothing, and further columns are ignored.
        shuffled = rows.select(*reversed(rows.columns), remark=pl.lit("as agreed")).sample(
            fraction=1, shuffle=True, seed=1
        )
        before_april.deliver(table, APRIL, shuffled, ".csv")

    assert before_april.live(APRIL)[-1].outcome == "done"

    assert before_april.published(MONTHS) == to_april.bits_of(MONTHS)


def test_where_files_are_waited_for_a_missing_one_is_no_fault(
    before_april: Installation, to_april: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_SOURCE_MISSING_FILE", "wait")
    late = before_april.withdraw("transactions", APRIL)

    *before, april = before_april.live(APRIL)

    assert {stage.outcome for stage in before} == {"unchanged"}
    assert (april.outcome, april.sentence) == ("waiting", "transactions/2025-04 has not been delivered yet")
    assert before_april.status(APRIL) == ("not taken in", "")
    assert before_april.published([APRIL]) == {}

    before_april.deliver("transactions", APRIL, late)
    assert before_april.live(APRIL)[-1].outcome == "done"
    assert before_april.published(MONTHS) == to_april.bits_of(MONTHS)


def test_a_torn_file_is_not_waited_for(before_april: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_SOURCE_MISSING_FILE", "wait")
    before_april.deliver("transactions", APRIL, b"PAR1 and then the line broke")

    april = before_april.live(APRIL)[-1]

    assert april.outcome == "blocked"
    assert "transactions/2025-04.parquet" in april.sentence
