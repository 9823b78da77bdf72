"""Months as the platform counts them: partition keys `YYYY-MM`, half-open intervals, UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

_KEY = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month in UTC.

    >>> str(Month.parse("2024-02").next())
    '2024-03'
    """

    year: int
    number: int

    @classmethod
    def parse(cls, key: str) -> Month:
        """Read a partition key `YYYY-MM`.

        Raises:
            ValueError: the key has another form.
        """
        found = _KEY.match(key)
        if found is None or found[1] == "0000":
            raise ValueError(f"'{key}' is not a month: write it as YYYY-MM, for example 2025-03")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month that a day lies in."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def plus(self, months: int) -> Month:
        """Return the month so many months later (earlier when negative)."""
        index = self.year * 12 + (self.number - 1) + months
        return Month(index // 12, index % 12 + 1)

    def next(self) -> Month:
        """Return the following month."""
        return self.plus(1)

    def previous(self) -> Month:
        """Return the month before."""
        return self.plus(-1)

    def since(self, other: Month) -> int:
        """Return how many months lie from the other month to this one."""
        return (self.year - other.year) * 12 + self.number - other.number

    @property
    def start(self) -> datetime:
        """The month's first instant, naive UTC."""
        return datetime(self.year, self.number, 1)  # noqa: DTZ001  naive means UTC in the contracts

    @property
    def snapshot(self) -> datetime:
        """The first instant of the next month, naive UTC: what is known then is the month's knowledge."""
        return self.next().start

    def until(self, last: Month) -> Iterator[Month]:
        """Yield the months from this one to the last, both included."""
        month = self
        while month <= last:
            yield month
            month = month.next()
