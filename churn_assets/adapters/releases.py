"""Released months: a person who knows better lets a blocked month pass, by name and with a reason.

A release is an entry of the audit log and binds the very files that it was given for: a new delivery needs a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from churn_assets.adapters.audit import AuditLog
from churn_assets.domain.months import Month

ACTION = "release"


@dataclass(frozen=True)
class Release:
    """Who released a month's delivery, and why."""

    by: str
    reason: str


def release(
    audit: AuditLog, month: Month, files: Mapping[str, str], *, by: str, reason: str, at: datetime
) -> None:
    """Record that a month's files (table -> sha256) may pass although a check blocks them.

    Raises:
        ValueError: the name or the reason is empty.
    """
    if not by.strip() or not reason.strip():
        raise ValueError("a release needs a name (--by) and a reason (--reason): both are recorded")
    audit.append(
        actor=by,
        action=ACTION,
        subject=f"delivery/{month}",
        details={"reason": reason, "files": dict(files)},
        at=at,
    )


def find_release(audit: AuditLog, month: Month, files: Mapping[str, str]) -> Release | None:
    """Return the newest release of exactly these files, or None."""
    for record in reversed(list(audit.records())):
        if (
            record.action == ACTION
            and record.subject == f"delivery/{month}"
            and record.details["files"] == dict(files)
        ):
            return Release(record.actor, str(record.details["reason"]))
    return None
