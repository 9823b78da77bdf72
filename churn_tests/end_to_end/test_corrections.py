"""A corrected file: exactly what depends on it is made anew, the former version stays, and nothing runs without cause."""

from __future__ import annotations

import polars as pl

from churn_assets.defs.features import MATRIX
from churn_assets.defs.raw import _file_record, files_name, raw_name
from churn_assets.domain.tables import TRANSACTIONS
from churn_tests.end_to_end.installation import APRIL, FEBRUARY, JANUARY, MARCH, Installation

MONTHS = (JANUARY, FEBRUARY, MARCH, APRIL)


def test_a_second_run_does_nothing(after_april: Installation) -> None:
    before = after_april.made()

    stages = after_april.live(APRIL)

    assert {stage.outcome for stage in stages} == {"unchanged"}
    assert after_april.made() == before


def test_a_file_that_was_only_touched_or_written_again_does_nothing(after_april: Installation) -> None:
    after_april.path("call_records", FEBRUARY).touch()
    after_april.deliver("customers", MARCH, after_april.path("customers", MARCH).read_bytes())

    stages = after_april.live(APRIL)

    assert {stage.outcome for stage in stages} == {"unchanged"}


def test_one_changed_ticket_makes_what_depends_on_it_and_nothing_else(after_april: Installation) -> None:
    before = after_april.made()

    _escalate_the_newest_ticket(after_april)
    after_april.live(APRIL)

    made = after_april.made()
    assert {key for key in made if made[key] != before[key]} == {
        ("raw_support_tickets", "2025-02"),
        # The three months after February compare their feeds with it, and their windows reach its tickets.
        *(("cleaned_support_tickets", str(month)) for month in (FEBRUARY, MARCH, APRIL)),
        *(("feature_matrix", str(month)) for month in (FEBRUARY, MARCH, APRIL)),
    }
    assert made.keys() == before.keys()


def test_the_correction_reaches_the_features_and_the_former_version_stays_readable(
    after_april: Installation, to_april: Installation
) -> None:
    version = after_april.lake.version(MATRIX)

    customer = _escalate_the_newest_ticket(after_april)
    after_april.live(APRIL)

    assert _escalations(after_april, customer) == _escalations(to_april, customer) + 1
    assert after_april.published([JANUARY]) == to_april.bits_of([JANUARY])
    former = pl.read_delta(after_april.lake.location(MATRIX), version=version)
    assert former.sort("month", "customer_id").equals(
        pl.read_delta(to_april.lake.location(MATRIX)).sort("month", "customer_id")
    )


def test_a_correction_and_a_first_taking_in_give_the_same_bits(
    after_april: Installation, new_installation: Installation
) -> None:
    for installation in (after_april, new_installation):
        _double_a_payment(installation)
        installation.live(APRIL)

    assert after_april.published(MONTHS) == new_installation.published(MONTHS)


def test_a_kill_between_writing_a_raw_month_and_saying_so_is_seen(after_april: Installation) -> None:
    before = after_april.made()
    _double_a_payment(after_april)
    delivered = after_april.project.source.read("transactions", FEBRUARY)
    after_april.lake.write(files_name("transactions"), FEBRUARY, _file_record(TRANSACTIONS, delivered))
    after_april.lake.write(raw_name("transactions"), FEBRUARY, delivered.rows)

    after_april.live(FEBRUARY)

    made = after_april.made()
    assert {asset for asset, month in made if made[asset, month] != before[asset, month]} == {
        "raw_transactions",
        "cleaned_transactions",
        "lifetime_partial",
        "lifetime_state",
        "feature_matrix",
    }


def _escalate_the_newest_ticket(installation: Installation) -> int:
    """Deliver February's tickets again with one more escalation; return whose it is."""
    tickets = installation.rows("support_tickets", FEBRUARY)
    active = installation.matrix(APRIL)["customer_id"]
    open_to_change = ~pl.col("is_escalated") & pl.col("customer_id").is_in(active.implode())
    chosen = tickets.filter(open_to_change).sort("ticket_date", "ticket_id").tail(1)
    hit = pl.col("ticket_id") == chosen["ticket_id"].item()
    installation.deliver("support_tickets", FEBRUARY, tickets.with_columns(pl.col("is_escalated") | hit))
    return int(chosen["customer_id"].item())


def _escalations(installation: Installation, customer: int) -> int:
    row = installation.matrix(FEBRUARY).row(by_predicate=pl.col("customer_id") == customer, named=True)
    return int(row["support_escalations_90d"])


def _double_a_payment(installation: Installation) -> None:
    payments = installation.rows("transactions", FEBRUARY)
    doubled = pl.when(pl.int_range(pl.len()) == 0).then(2 * pl.col("amount")).otherwise(pl.col("amount"))
    installation.deliver("transactions", FEBRUARY, payments.with_columns(amount=doubled))
