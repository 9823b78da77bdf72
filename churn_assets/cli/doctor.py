"""`churn doctor`: what is missing or wrong on this machine or in the settings, each with its mend."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from churn_assets.adapters.home import PROJECT_ROOT, Home
from churn_assets.cli.screen import OUT, print_json

LEAST_FREE_BYTES = 2 << 30


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at; `mend` is empty where all is well."""

    subject: str
    found: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False) -> None:
    """Look at this machine, the settings, the deliveries and the state; exit 1 where something needs mending."""
    found = list(diagnose(Home.from_environment()))
    if as_json:
        print_json([asdict(diagnosis) for diagnosis in found])
    else:
        for diagnosis in found:
            sign = "[red]✗[/red]" if diagnosis.mend else "[green]✓[/green]"
            OUT.print(f"{sign} {diagnosis.subject}: {diagnosis.found}", soft_wrap=True, highlight=False)
            if diagnosis.mend:
                OUT.print(f"    mend: {diagnosis.mend}", soft_wrap=True, highlight=False, markup=False)
    if any(diagnosis.mend for diagnosis in found):
        raise typer.Exit(1)


def diagnose(home: Home) -> Iterator[Diagnosis]:
    """Look at everything that has broken an installation before."""
    yield _python()
    yield _packages()
    yield _home(home)
    yield from _tried("settings", lambda: _settings(home))
    yield from _tried("deliveries", lambda: _deliveries(home))
    yield from _tried("audit log", lambda: _audit(home))
    yield from _tried("serving", lambda: _serving(home))


def _tried(subject: str, look: Callable[[], Diagnosis]) -> Iterator[Diagnosis]:
    try:
        yield look()
    except (ValueError, OSError) as error:
        yield Diagnosis(subject, "not usable", str(error))


def _python() -> Diagnosis:
    version = ".".join(str(part) for part in sys.version_info[:3])
    mend = "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer, then `make setup`"
    return Diagnosis("Python", version, mend)


def _packages() -> Diagnosis:
    pinned = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z]+\])?==([0-9.]+)", _requirements(), flags=re.MULTILINE)
    wrong = [
        f"{name} {have or 'missing'}, not {want}"
        for name, want in pinned
        if (have := _installed(name)) != want
    ]
    return Diagnosis(
        "packages", f"{len(pinned)} pinned", f"{'; '.join(wrong)}: run `make setup`" if wrong else ""
    )


def _requirements() -> str:
    return (PROJECT_ROOT / "requirements" / "runtime.in").read_text(encoding="utf-8")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _home(home: Home) -> Diagnosis:
    existing = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    found = f"{home.root}, {free / 2**30:.0f} GiB free"
    if not os.access(existing, os.W_OK):
        return Diagnosis(
            "home", found, f"{existing} cannot be written: mend its rights or name another CHURN_HOME"
        )
    if free < LEAST_FREE_BYTES:
        return Diagnosis("home", found, "free at least 2 GiB or name another CHURN_HOME")
    return Diagnosis("home", found)


def _settings(home: Home) -> Diagnosis:
    from churn_assets.adapters.settings import load_settings  # noqa: PLC0415

    settings = load_settings(home)
    named = os.environ.get("CHURN_SETTINGS")
    return Diagnosis("settings", f"source {settings.source.kind}" + (f", {Path(named)}" if named else ""))


def _deliveries(home: Home) -> Diagnosis:
    from churn_assets.defs.project import Project  # noqa: PLC0415

    project = Project.of(home)
    months = project.source.months()
    if not months:
        simulated = project.settings.source.kind == "simulator"
        mend = "" if simulated else "put TABLE/YYYY-MM.parquet or .csv into the folder of the deliveries"
        return Diagnosis(
            "deliveries",
            "none yet" + (", `churn run` lets the embedded operator deliver" if simulated else ""),
            mend,
        )
    missing = [
        f"{table.name}/{month}"
        for table in project.tables
        for month in months
        if (first := project.source.first_month(table.name)) is not None
        and first <= month
        and project.source.fingerprint(table.name, month) is None
    ]
    mend = f"missing: {', '.join(missing)}" if missing else ""
    return Diagnosis("deliveries", f"{months[0]} to {months[-1]}, {len(project.tables)} tables", mend)


def _audit(home: Home) -> Diagnosis:
    from churn_assets.adapters.audit import AuditLog  # noqa: PLC0415

    if not home.audit_log.exists():
        return Diagnosis("audit log", "empty")
    verified = AuditLog(home.audit_log).verify()
    return Diagnosis(
        "audit log", "verified" if verified.ok else "broken", "" if verified.ok else verified.sentence
    )


def _serving(home: Home) -> Diagnosis:
    """Look at what a start of the service needs, or at the one that runs."""
    from churn_assets.adapters.online_store import store_from  # noqa: PLC0415
    from churn_assets.adapters.settings import load_settings  # noqa: PLC0415
    from churn_serving.change import running_service  # noqa: PLC0415
    from churn_serving.places import ServingPlaces  # noqa: PLC0415
    from churn_serving.security.keys import KeyFile  # noqa: PLC0415

    places = ServingPlaces(home)
    if places.api_keys.exists():
        KeyFile(places.api_keys).load()
    if (running := running_service(places)) is not None:
        return Diagnosis("serving", f"runs at {running.url}")
    snapshot = store_from(load_settings(home).serving.online_store_url, home).current()
    if snapshot is None:
        return Diagnosis(
            "serving", "not running, no features of customers are published yet: `churn run` does"
        )
    return Diagnosis("serving", f"not running, features of {snapshot.month} are published")
