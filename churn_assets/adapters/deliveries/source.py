"""What every source of deliveries offers to the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import polars as pl

from churn_assets.adapters.deliveries.fingerprints import Fingerprint, Stamp
from churn_assets.domain.months import Month
from churn_assets.domain.tables import Table


@dataclass(frozen=True)
class Delivered:
    """A table's rows of one month as delivered, typed and not judged.

    Attributes:
        rows: the contract's columns and the declared ones, in the contract's order and types.
        stamp: what was read, to recognise it later.
    """

    rows: pl.DataFrame
    stamp: Stamp

    @property
    def source(self) -> str:
        """The file relative to the delivery folder, or the name of the query."""
        return self.stamp.path

    @property
    def sha256(self) -> str:
        """Digest of what was read."""
        return self.stamp.sha256

    @property
    def bytes(self) -> int:
        """Bytes of the file; rows of a query's answer."""
        return self.stamp.size


class Source(Protocol):
    """Where the operator's deliveries come from. Tables go by their names."""

    def tables(self) -> tuple[Table, ...]:
        """Return the contracts of the tables that are delivered, with the declared columns."""
        ...

    def months(self) -> list[Month]:
        """Return the months from the first to the last delivery, ascending, without a gap."""
        ...

    def first_month(self, table: str) -> Month | None:
        """Return the month from which on a delivery of the table is needed every month; None where never."""
        ...

    def fingerprint(self, table: str, month: Month) -> Fingerprint | None:
        """Return by what the delivery is recognised; None where there is none.

        Raises:
            DeliveryError: there is no telling, for example because two files are there.
        """
        ...

    def read(self, table: str, month: Month) -> Delivered:
        """Return the rows of a month.

        Raises:
            DeliveryError: the delivery is missing or cannot be read as the contract says.
            KeyError: the source does not deliver that table.
        """
        ...
