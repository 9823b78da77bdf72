"""`churn release`: let a blocked month pass, by name and with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from churn_assets.cli.screen import say
from churn_assets.domain.months import Month


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("release")(release)


def release(
    month: Annotated[str, typer.Argument(help="The blocked month, YYYY-MM.")],
    by: Annotated[str, typer.Option(help="Who releases it.")],
    reason: Annotated[str, typer.Option(help="Why it may pass.")],
) -> None:
    """Let a blocked month pass. Holds for the files as they are now; the next `churn run` takes them in."""
    from churn_assets.adapters import releases  # noqa: PLC0415
    from churn_assets.adapters.audit import AuditLog  # noqa: PLC0415
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_assets.defs.project import Project  # noqa: PLC0415

    project, asked = Project.of(Home.from_environment()), Month.parse(month)
    fingerprints = {table.name: project.source.fingerprint(table.name, asked) for table in project.tables}
    files = {name: fingerprint.sha256 for name, fingerprint in fingerprints.items() if fingerprint}
    if not files:
        raise ValueError(f"nothing has been delivered for {asked}: there is nothing to release")
    releases.release(
        AuditLog(project.home.audit_log), asked, files, by=by, reason=reason, at=datetime.now(UTC)
    )
    say(f"{asked} is released by {by}: {reason}. `churn run` takes it in.")
