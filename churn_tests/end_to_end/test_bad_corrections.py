"""A bad correction of a month that is published: the old version stays, readable to the bit, until a right file comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import polars as pl
import pytest

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.releases import release
from churn_tests.end_to_end.installation import APRIL, FEBRUARY, JANUARY, MARCH, Installation
from churn_tests.end_to_end.spoiling import changed, parquet

MONTHS = (JANUARY, FEBRUARY, MARCH, APRIL)
CORRECTIONS: dict[str, tuple[str, Callable[[pl.DataFrame], bytes], str]] = {
    "torn": ("call_records", lambda rows: parquet(rows)[:5_000], "call_records/2025-02.parquet"),
    "too many nulls": ("transactions", lambda rows: parquet(changed(rows, 60, amount=None)), "60 null"),
}


@pytest.mark.parametrize("correction", CORRECTIONS.values(), ids=CORRECTIONS)
def test_what_was_published_stays_until_a_right_file_comes(
    after_april: Installation,
    to_april: Installation,
    correction: tuple[str, Callable[[pl.DataFrame], bytes], str],
) -> None:
    table, spoil, says = correction
    right = after_april.path(table, FEBRUARY).read_bytes()
    after_april.deliver(table, FEBRUARY, spoil(after_april.rows(table, FEBRUARY)))

    for _ in range(2):  # asking again gives the same answer
        february = after_april.live(APRIL)[-1]

        assert (february.month, february.outcome) == (FEBRUARY, "blocked")
        assert says in february.sentence
        assert after_april.status(FEBRUARY) == ("blocked", february.sentence)
        assert after_april.published(MONTHS) == to_april.bits_of(MONTHS)
        assert after_april.matrix(FEBRUARY).equals(to_april.matrix(FEBRUARY))

    after_april.deliver(table, FEBRUARY, right)
    stages = after_april.live(APRIL)

    assert {stage.outcome for stage in stages} <= {"done", "unchanged"}
    assert after_april.status(FEBRUARY) == ("published", "")
    assert after_april.published(MONTHS) == to_april.bits_of(MONTHS)


def test_a_file_that_is_withdrawn_blocks_its_month_and_takes_nothing_back(
    after_april: Installation, to_april: Installation
) -> None:
    after_april.withdraw("transactions", MARCH)

    march = after_april.live(APRIL)[-1]

    assert (march.month, march.outcome) == (MARCH, "blocked")
    assert "transactions" in march.sentence
    assert after_april.published(MONTHS) == to_april.bits_of(MONTHS)


def test_a_person_can_release_a_month_by_name_for_these_very_files(
    before_april: Installation, to_april: Installation
) -> None:
    rows = before_april.rows("transactions", APRIL)
    before_april.deliver("transactions", APRIL, changed(rows, 60, amount=None))
    assert before_april.live(APRIL)[-1].outcome == "blocked"

    _release(before_april)
    assert before_april.live(APRIL)[-1].outcome == "done"

    assert before_april.status(APRIL) == ("published", "")
    assert before_april.counts(APRIL, "transactions")["quarantined"] == 60
    refused = before_april.quarantined(APRIL, "transactions")["transaction_id"]
    accepted = before_april.lake.read("cleaned_transactions", APRIL)["transaction_id"]
    assert set(accepted) == set(rows["transaction_id"]) - set(refused)
    (record,) = AuditLog(before_april.home.audit_log).records()
    assert (record.actor, record.subject) == ("Ada", "delivery/2025-04")
    assert record.details["reason"] == "The nulls are cash top-ups."

    # Another file of the same month is not what was released.
    before_april.deliver("transactions", APRIL, changed(rows, 61, amount=None))
    assert before_april.live(APRIL)[-1].outcome == "blocked"
    before_april.deliver("transactions", APRIL, to_april.path("transactions", APRIL).read_bytes())
    before_april.live(APRIL)
    assert before_april.published(MONTHS) == to_april.bits_of(MONTHS)


def _release(installation: Installation) -> None:
    source = installation.project.source
    fingerprints = {
        table.name: source.fingerprint(table.name, APRIL) for table in installation.project.tables
    }
    release(
        AuditLog(installation.home.audit_log),
        APRIL,
        {name: fingerprint.sha256 for name, fingerprint in fingerprints.items() if fingerprint},
        by="Ada",
        reason="The nulls are cash top-ups.",
        at=APRIL.snapshot.replace(tzinfo=UTC),
    )
