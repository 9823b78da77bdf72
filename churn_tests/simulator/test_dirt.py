"""Injected dirt: the platform's own rules count exactly what the truth says was injected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn_assets.domain.cleaning import RuleCounts, judge, vanished
from churn_assets.domain.feed import feed_faults, profile
from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME, CUSTOMERS, SUPPORT_TICKETS
from churn_assets.simulator.incidents import DESCRIPTIONS, Incident, IncidentKind
from churn_assets.simulator.operator import simulate

MONTH = Month(2019, 8)
Injected = list[dict[str, Any]]
Spoil = Callable[..., tuple[Path, Injected]]


@pytest.fixture
def spoil(tmp_path: Path) -> Spoil:
    """Play three months of a small operator and spoil the last; return its folder and what the truth says."""

    def spoilt(*texts: str) -> tuple[Path, Injected]:
        incidents = [Incident.parse(text) for text in texts]
        simulate(tmp_path, customers=600, months=3, until=MONTH, world="A", seed=8, incidents=incidents)
        written = json.loads((tmp_path / ".truth" / f"{MONTH}.json").read_text(encoding="utf-8"))
        return tmp_path, written["injected"]

    return spoilt


def _delivered(out: Path, table: str, month: Month = MONTH) -> pl.DataFrame:
    return pl.read_parquet(out / table / f"{month}.parquet")


def _known(out: Path) -> pl.Series:
    return pl.read_parquet(out / "customers" / "*.parquet")["customer_id"].drop_nulls().unique()


def _active_before(out: Path) -> pl.Series:
    before = _delivered(out, CUSTOMERS.name, MONTH.previous())
    return before.filter(pl.col("churned_on").is_null())["customer_id"]


def _judged(out: Path, table: str) -> RuleCounts:
    rows = _delivered(out, table)
    known, active = _known(out), _active_before(out)
    return judge(BY_NAME[table], rows, month=MONTH, known_customers=known, active_before=active).counts


RULE_OF = {
    IncidentKind.CONFLICTING_IDS: "conflicting_id",
    IncidentKind.NULL_VALUES: "null",
    IncidentKind.NULL_CUSTOMERS: "null",
    IncidentKind.SENTINELS: "bounds",
    IncidentKind.NOT_A_NUMBER: "bounds",
    IncidentKind.UNKNOWN_CUSTOMERS: "unknown_customer",
    IncidentKind.WRONG_MONTH: "date",
}
CASES = [(kind, table) for kind in RULE_OF for table in dict.fromkeys(DESCRIPTIONS[kind].tables)]


@pytest.mark.parametrize(("kind", "table"), CASES)
def test_rows_in_quarantine_are_those_of_the_truth(kind: IncidentKind, table: str, spoil: Spoil) -> None:
    out, (record,) = spoil(f"{kind}:{MONTH}:{table}")

    counts = _judged(out, table)

    assert record["rows"] > 0
    assert counts.quarantined == {**dict.fromkeys(counts.quarantined, 0), RULE_OF[kind]: record["rows"]}
    assert counts.duplicates == 0


@pytest.mark.parametrize("table", BY_NAME)
def test_copies_are_those_of_the_truth(table: str, spoil: Spoil) -> None:
    out, records = spoil(f"duplicates:{MONTH}:{table}:0.03", f"file_twice:{MONTH}:{table}")

    counts = _judged(out, table)

    assert counts.duplicates == 3 * records[0]["rows"] + (records[1]["rows"] - 2 * records[0]["rows"])
    assert sum(counts.quarantined.values()) == 0


def test_dirt_of_many_kinds_in_one_file_is_counted_apart(spoil: Spoil) -> None:
    kinds = (*RULE_OF, IncidentKind.DUPLICATES)
    out, records = spoil(*(f"{kind}:{MONTH}:call_records" for kind in kinds))

    counts = _judged(out, "call_records")

    injected = {record["kind"]: record["rows"] for record in records}
    by_rule: dict[str, int] = {}
    for kind, rule in RULE_OF.items():
        by_rule[rule] = by_rule.get(rule, 0) + injected[kind]
    assert counts.quarantined == by_rule
    assert counts.duplicates == injected["duplicates"]


def test_unknown_categories_become_missing_and_a_status_goes_to_quarantine(spoil: Spoil) -> None:
    out, records = spoil(f"unknown_category:{MONTH}:customers", f"unknown_category:{MONTH}:transactions")

    by_table = {record["table"]: record["rows"] for record in records}
    assert _judged(out, "customers").unknown_categories["payment_method"] == by_table["customers"]
    assert _judged(out, "transactions").quarantined["bounds"] == by_table["transactions"]


def test_vanished_customers_are_those_of_the_truth(spoil: Spoil) -> None:
    out, (record,) = spoil(f"vanished_customers:{MONTH}:customers:0.01")

    gone = vanished(
        _delivered(out, "customers"), pl.Series("customer_id", [], dtype=pl.Int64), _active_before(out)
    )

    assert sorted(record["ids"]) == gone.ids.to_list()
    assert record["rows"] == record["known_before"] == gone.count > 0


def test_late_rows_are_missing_now_and_whole_in_the_corrected_file(spoil: Spoil) -> None:
    out, (record,) = spoil(f"late_rows:{MONTH}:call_records:0.05")

    delivered, whole = _delivered(out, "call_records"), _delivered(out / ".corrected", "call_records")
    late = whole.join(delivered, on="call_id", how="anti")

    assert sorted(record["ids"]) == sorted(late["call_id"])
    assert (late["call_date"] >= delivered["call_date"].max()).all()


def test_edge_times_break_no_rule(spoil: Spoil) -> None:
    out, (record,) = spoil(f"edge_times:{MONTH}:transactions:40")

    moved = _delivered(out, "transactions").filter(pl.col("transaction_id").is_in(record["ids"]))

    assert record["harmless"]
    assert set(moved["transaction_date"].dt.strftime("%d %H:%M:%S%.6f")) == {
        "01 00:00:00.000000",
        "31 23:59:59.999999",
    }
    assert _judged(out, "transactions").accepted == _delivered(out, "transactions").height


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("null_column:{}:call_records", "null_share"),
        ("null_column:{}:customers", "null_share"),
        ("minutes_for_seconds:{}", "median"),
        ("seconds_for_minutes:{}", "median"),
        ("cents_for_euros:{}", "median"),
        ("halved_rows:{}:app_usage", "rows"),
        ("no_rows:{}:support_tickets", "no_rows"),
    ],
)
def test_broken_feeds_are_seen_as_such(text: str, kind: str, spoil: Spoil) -> None:
    out, (record,) = spoil(text.format(MONTH))
    table = BY_NAME[record["table"]]

    former = [profile(table, _delivered(out, table.name, MONTH.plus(-back))) for back in (2, 1)]
    faults = feed_faults(table, profile(table, _delivered(out, table.name)), former)

    assert kind in {fault.kind for fault in faults}


def test_frozen_column_holds_one_value(spoil: Spoil) -> None:
    out, (record,) = spoil(f"frozen_column:{MONTH}:app_usage")

    assert _delivered(out, "app_usage")[record["column"]].n_unique() == 1


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("empty_file", lambda content: content == b""),
        ("torn_file", lambda content: content[:4] == b"PAR1" and content[-4:] != b"PAR1"),
        ("not_parquet", lambda content: content[:4] != b"PAR1"),
    ],
)
def test_broken_parquet_files(kind: str, seen: Callable[[bytes], bool], spoil: Spoil) -> None:
    out, _ = spoil(f"{kind}:{MONTH}:support_tickets")

    assert seen((out / "support_tickets" / f"{MONTH}.parquet").read_bytes())


def test_missing_file_is_missing_and_heals(spoil: Spoil) -> None:
    out, _ = spoil(f"missing_file:{MONTH}:app_usage")
    place = out / "app_usage" / f"{MONTH}.parquet"
    assert not place.exists()

    spoil()

    assert place.exists()
    assert not (out / ".corrected" / "app_usage" / f"{MONTH}.parquet").exists()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("renamed_column", "sessions_new"), ("missing_column", None), ("retyped_column", "sessions")],
)
def test_columns_that_went_wrong(kind: str, expected: str | None, spoil: Spoil) -> None:
    out, (record,) = spoil(f"{kind}:{MONTH}:app_usage")

    schema = _delivered(out, "app_usage").schema

    assert record["column"] == "sessions"
    assert schema.get(expected or "sessions") == {
        "retyped_column": pl.String,
        "renamed_column": pl.Int32,
    }.get(kind)


def test_csv_says_the_same_as_parquet_did(spoil: Spoil) -> None:
    out, _ = spoil(f"csv:{MONTH}:support_tickets")

    csv = pl.read_csv(out / "support_tickets" / f"{MONTH}.csv", schema=SUPPORT_TICKETS.schema)

    assert not (out / "support_tickets" / f"{MONTH}.parquet").exists()
    assert csv.equals(_delivered(out / ".corrected", "support_tickets"))


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("bom_csv", lambda content: content.startswith(b"\xef\xbb\xbf")),
        ("latin1_csv", lambda content: b"perch\xe9" in content),
        ("nul_csv", lambda content: b"\x00" in content),
        (
            "truncated_csv",
            lambda content: content.splitlines()[-1].count(b",") < content.splitlines()[0].count(b","),
        ),
        ("local_csv", lambda content: b"-08-2019" in content and b'"' in content),
    ],
)
def test_csv_files_that_went_wrong(kind: str, seen: Callable[[bytes], bool], spoil: Spoil) -> None:
    out, _ = spoil(f"{kind}:{MONTH}:transactions")

    assert seen((out / "transactions" / f"{MONTH}.csv").read_bytes())
