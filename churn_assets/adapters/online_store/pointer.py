"""Which snapshot is read, which one came before it, and when an older one may go: the rules of both stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.domain.months import Month

GRACE = timedelta(days=1)
"""A snapshot that was prepared and never published is what a kill left, once it is so old."""


@dataclass(frozen=True)
class Pointer:
    """The ids of the snapshot that is read and of the one before it; empty where there is none."""

    current: str = ""
    previous: str = ""

    @property
    def named(self) -> set[str]:
        """The ids that it holds on to."""
        return {self.current, self.previous} - {""}

    def moved_to(self, snapshot_id: str) -> Pointer:
        """Return the pointer with another snapshot in front, or the same pointer where that one's month is older.

        The same month again takes the place of the former; the same snapshot again changes nothing.
        """
        if snapshot_id == self.current:
            return self
        if self.current and month_of(snapshot_id) < month_of(self.current):
            return self
        return Pointer(snapshot_id, self.current)

    def turned_back(self) -> Pointer:
        """Return the pointer with the former snapshot in front; turned back twice it is as before.

        Raises:
            OnlineStoreError: there is no former one.
        """
        if not self.previous:
            raise OnlineStoreError(
                "there is no former snapshot to roll back to: run the job `score_month` for the month that is wanted"
            )
        return Pointer(self.previous, self.current)

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Pointer:
        """Read what `to_json` wrote.

        Raises:
            OnlineStoreError: it is torn or edited.
        """
        try:
            pointer = cls(**json.loads(text))
            for snapshot_id in pointer.named:
                month_of(snapshot_id)
        except (TypeError, ValueError) as problem:
            raise OnlineStoreError(
                f"{where} is torn or edited ({problem}): remove it and run the job `score_month` for the newest month"
            ) from problem
        return pointer


def month_of(snapshot_id: str) -> Month:
    """Return the month that a snapshot's id begins with.

    Raises:
        ValueError: the id begins with something else.
    """
    return Month.parse(snapshot_id[:7])


def outdated(known: Mapping[str, datetime], before: Pointer, after: Pointer, at: datetime) -> list[str]:
    """Return the snapshots that may be removed after the pointer moved.

    Args:
        known: when each snapshot that is there was written.
        before: the pointer before it moved.
        after: the pointer now.
        at: when it moved.
    """
    let_go = before.named - after.named
    return sorted(
        snapshot_id
        for snapshot_id, written in known.items()
        if snapshot_id not in after.named and (snapshot_id in let_go or at - written > GRACE)
    )
