"""Incidents: what may go wrong or change, when, where and how much. Named here, done by `dirt` and `drift`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME, EVENT_TABLES

_ALL = tuple(BY_NAME)
_SHARE, _COUNT = "share of rows", "rows"
_EVENTS = tuple(table.name for table in EVENT_TABLES)


class IncidentKind(StrEnum):
    """The kinds of incident."""

    DUPLICATES = "duplicates"
    FILE_TWICE = "file_twice"
    CONFLICTING_IDS = "conflicting_ids"
    NULL_VALUES = "null_values"
    NULL_CUSTOMERS = "null_customers"
    SENTINELS = "sentinels"
    NOT_A_NUMBER = "not_a_number"
    UNKNOWN_CUSTOMERS = "unknown_customers"
    WRONG_MONTH = "wrong_month"
    UNKNOWN_CATEGORY = "unknown_category"
    VANISHED_CUSTOMERS = "vanished_customers"
    LATE_ROWS = "late_rows"
    EDGE_TIMES = "edge_times"
    MISSING_FILE = "missing_file"
    EMPTY_FILE = "empty_file"
    TORN_FILE = "torn_file"
    NOT_PARQUET = "not_parquet"
    RENAMED_COLUMN = "renamed_column"
    MISSING_COLUMN = "missing_column"
    RETYPED_COLUMN = "retyped_column"
    CSV = "csv"
    BOM_CSV = "bom_csv"
    LATIN1_CSV = "latin1_csv"
    NUL_CSV = "nul_csv"
    TRUNCATED_CSV = "truncated_csv"
    LOCAL_CSV = "local_csv"
    NULL_COLUMN = "null_column"
    MINUTES_FOR_SECONDS = "minutes_for_seconds"
    SECONDS_FOR_MINUTES = "seconds_for_minutes"
    HALVED_ROWS = "halved_rows"
    NO_ROWS = "no_rows"
    CENTS_FOR_EUROS = "cents_for_euros"
    FROZEN_COLUMN = "frozen_column"
    DATA_GROWTH = "data_growth"
    PRICE_RISE = "price_rise"
    CHURN_UP = "churn_up"


@dataclass(frozen=True)
class Description:
    """What is known of a kind of incident.

    Attributes:
        text: one line for the command's help.
        size: the default size; its meaning is `measure`.
        measure: what the size counts.
        tables: where it may happen, the default first; empty for a drift.
    """

    text: str
    size: float = 1.0
    measure: str = "none"
    tables: tuple[str, ...] = _ALL

    @property
    def is_share(self) -> bool:
        """Whether the size is a share of the table's rows."""
        return self.measure == _SHARE


DESCRIPTIONS: Mapping[IncidentKind, Description] = MappingProxyType(
    {
        IncidentKind.DUPLICATES: Description(
            "rows delivered twice, exactly alike", 0.01, _SHARE, ("call_records", *_ALL)
        ),
        IncidentKind.FILE_TWICE: Description("the whole file appended twice", tables=("transactions", *_ALL)),
        IncidentKind.CONFLICTING_IDS: Description(
            "ids with two rows that differ", 10, "ids", ("transactions", *_ALL)
        ),
        IncidentKind.NULL_VALUES: Description(
            "a null in a number that must be there",
            0.005,
            _SHARE,
            ("transactions", "call_records", "app_usage", "customers"),
        ),
        IncidentKind.NULL_CUSTOMERS: Description(
            "events without a customer", 0.005, _SHARE, ("call_records", "transactions", "support_tickets")
        ),
        IncidentKind.SENTINELS: Description("-1 in a number", 0.005, _SHARE, ("call_records", *_ALL)),
        IncidentKind.NOT_A_NUMBER: Description(
            "NaN in a number", 0.001, _SHARE, ("transactions", "call_records", "customers")
        ),
        IncidentKind.UNKNOWN_CUSTOMERS: Description(
            "events of customers whom the CRM does not know", 0.005, _SHARE, ("transactions", *_EVENTS)
        ),
        IncidentKind.WRONG_MONTH: Description("events dated after the month", 0.005, _SHARE, _EVENTS),
        IncidentKind.UNKNOWN_CATEGORY: Description(
            "a category that the contract does not list", 0.02, _SHARE, ("customers", "transactions")
        ),
        IncidentKind.VANISHED_CUSTOMERS: Description(
            "active customers missing from the CRM's file", 0.0005, _SHARE, ("customers",)
        ),
        IncidentKind.LATE_ROWS: Description(
            "the month's last events missing; a corrected file has them",
            0.02,
            _SHARE,
            ("call_records", *_EVENTS),
        ),
        IncidentKind.EDGE_TIMES: Description(
            "events at the month's first instant and last microsecond (no defect)",
            20,
            _COUNT,
            ("call_records", "transactions"),
        ),
        IncidentKind.MISSING_FILE: Description("no file"),
        IncidentKind.EMPTY_FILE: Description("a file of 0 bytes"),
        IncidentKind.TORN_FILE: Description("the file's second half missing"),
        IncidentKind.NOT_PARQUET: Description("a text under the name of a Parquet file"),
        IncidentKind.RENAMED_COLUMN: Description("a column under another name"),
        IncidentKind.MISSING_COLUMN: Description("a column left out"),
        IncidentKind.RETYPED_COLUMN: Description("a number delivered as text"),
        IncidentKind.CSV: Description("a correct CSV file in place of Parquet (no defect)"),
        IncidentKind.BOM_CSV: Description("a CSV file with a byte order mark"),
        IncidentKind.LATIN1_CSV: Description("a CSV file in Latin-1"),
        IncidentKind.NUL_CSV: Description("a CSV file with a NUL byte"),
        IncidentKind.TRUNCATED_CSV: Description("a CSV file whose last line breaks off"),
        IncidentKind.LOCAL_CSV: Description("a CSV file with dd-mm-yyyy dates and decimal commas"),
        IncidentKind.NULL_COLUMN: Description("a column null in all rows"),
        IncidentKind.MINUTES_FOR_SECONDS: Description("durations divided by 60", tables=("call_records",)),
        IncidentKind.SECONDS_FOR_MINUTES: Description(
            "durations times 60, at most a day", tables=("call_records",)
        ),
        IncidentKind.HALVED_ROWS: Description("half of the rows missing", 0.5, _SHARE),
        IncidentKind.NO_ROWS: Description("a file with columns and no rows"),
        IncidentKind.CENTS_FOR_EUROS: Description("amounts in cents", tables=("transactions",)),
        IncidentKind.FROZEN_COLUMN: Description("a number that is the same in all rows"),
        IncidentKind.DATA_GROWTH: Description("drift: data use grows", 0.25, "growth a year", ()),
        IncidentKind.PRICE_RISE: Description(
            "drift: customers on a term contract leave so many times as often", 4.0, "factor", ()
        ),
        IncidentKind.CHURN_UP: Description("drift: so many leave a month", 0.035, "share of customers", ()),
    }
)
DRIFTS = frozenset(kind for kind, description in DESCRIPTIONS.items() if not description.tables)
INCIDENTS: Mapping[str, str] = MappingProxyType(
    {
        kind.value: description.text
        if description.measure == "none"
        else f"{description.text} (default {description.size:g}, {description.measure})"
        for kind, description in DESCRIPTIONS.items()
    }
)
"""Kind and one-line description, for the command's help."""


@dataclass(frozen=True)
class Incident:
    """One thing that goes wrong or changes.

    Attributes:
        kind: one of `INCIDENTS`.
        month: the delivery in which it happens, or the snapshot from which on a drift holds.
        table: where; None for a drift.
        size: how much; the kind says of what.
    """

    kind: IncidentKind
    month: Month
    table: str | None
    size: float

    @classmethod
    def parse(cls, text: str) -> Incident:
        """Read `KIND:MONTH[:TABLE][:SIZE]`.

        >>> Incident.parse("duplicates:2025-03:call_records:0.02").size
        0.02

        Raises:
            ValueError: a part is unknown or has another form.
        """
        parts = text.split(":")
        if parts[0] not in INCIDENTS:
            raise ValueError(f"'{parts[0]}' is no incident: choose one of {', '.join(INCIDENTS)}")
        if len(parts) < 2:
            raise ValueError(f"incident '{text}' has no month: write it as KIND:YYYY-MM[:TABLE][:SIZE]")
        kind, rest = IncidentKind(parts[0]), parts[2:]
        description = DESCRIPTIONS[kind]
        table = rest.pop(0) if rest and rest[0] in BY_NAME else next(iter(description.tables), None)
        if table is not None and table not in description.tables:
            places = ", ".join(dict.fromkeys(description.tables)) or "no single table"
            raise ValueError(f"{kind} does not happen to {table} but to {places}")
        return cls(kind, Month.parse(parts[1]), table, _size(text, rest, description))


def _size(text: str, rest: list[str], description: Description) -> float:
    """Read the size, the last part of an incident."""
    if not rest:
        return description.size
    try:
        (size,) = (float(part) for part in rest)
    except ValueError:
        raise ValueError(f"incident '{text}': '{':'.join(rest)}' is neither a table nor a number") from None
    if not size > 0 or (description.is_share and size > 1):
        raise ValueError(f"incident '{text}': the size is a positive {description.measure}, not {size:g}")
    return size
