"""`churn deploy`, `churn rollback`: change what is served, live."""

from __future__ import annotations

import getpass
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli.screen import complain, print_json, say
from churn_assets.cli.serve import versions_of

if TYPE_CHECKING:
    from churn_assets.adapters.home import Home
    from churn_serving.change import Changer, Outcome
    from churn_serving.configuration import Configuration

JsonOption = Annotated[bool, typer.Option("--json", help="For a program.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("deploy")(deploy)
    app.command("rollback")(rollback)


def deploy(
    champion: Annotated[
        str | None, typer.Option(help="Version to answer; by default today's champion.")
    ] = None,
    challenger: Annotated[
        str | None,
        typer.Option(help="Version under trial, or none; by default the one served, else the newest other."),
    ] = None,
    challenger_share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Share of customers whom the challenger answers.")
    ] = None,
    shadow: Annotated[
        bool | None, typer.Option(help="Let the challenger score the others too, unseen.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Name of the experiment; a new one deals anew.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A whole configuration as .json or .toml, instead of the options.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    code: Annotated[
        bool, typer.Option("--code", help="Roll out replicas with the code as it lies on the disk now.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve a configuration: versions pinned by digest, the split, the shadow. Exit 1 where the replicas refuse it.

    What is not named stays as it is served. A configuration that is refused changes nothing: the former one answers on.
    """
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_serving.configuration import Configuration  # noqa: PLC0415

    home = Home.from_environment()
    changer = _changer(home)
    if file is not None:
        wanted = Configuration.from_plain(_read(file))
    else:
        wanted = _wanted(home, changer, champion, challenger, challenger_share, shadow, experiment)
    _finish(home, changer, wanted, reason or "deploy", "deploy", as_json=as_json, code=code)


def rollback(as_json: JsonOption = False) -> None:
    """Serve again what was served before."""
    from churn_assets.adapters.home import Home  # noqa: PLC0415

    home = Home.from_environment()
    changer = _changer(home)
    before = changer.history.before()
    if before is None:
        raise ValueError("nothing else was served before: there is nothing to roll back to")
    _finish(home, changer, before, f"roll-back to configuration {before.number}", "rollback", as_json=as_json)


def _changer(home: Home) -> Changer:
    from churn_serving.change import Changer  # noqa: PLC0415
    from churn_serving.places import ServingPlaces  # noqa: PLC0415

    return Changer(ServingPlaces(home))


def _read(file: Path) -> dict[str, Any]:
    """Read a configuration that a person wrote.

    Raises:
        ValueError: the file is neither JSON nor TOML.
    """
    text = file.read_text(encoding="utf-8")
    try:
        found: dict[str, Any] = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except ValueError as problem:
        raise ValueError(f"{file} holds no configuration: {problem}") from None
    return found


def _wanted(
    home: Home,
    changer: Changer,
    champion: str | None,
    challenger: str | None,
    share: float | None,
    shadow: bool | None,
    experiment: str | None,
) -> Configuration:
    """Return what is served with what the options change."""
    from churn_assets.adapters.settings import load_settings  # noqa: PLC0415
    from churn_serving.configuration import Configuration  # noqa: PLC0415

    versions = versions_of(home)
    served = changer.history.wanted()
    answering = versions.numbered(champion) if champion else versions.champion()
    trial = served.challenger if served else None
    if trial is not None and trial.digest == answering.digest:
        trial = None
    wanted_share = share if share is not None else (served.challenger_share if served and trial else 0.0)
    wanted_shadow = shadow if shadow is not None else bool(served and served.shadow and trial)
    if challenger is not None:
        trial = None if challenger == "none" else versions.numbered(challenger)
    elif trial is None and (wanted_share > 0.0 or wanted_shadow):
        trial = versions.challenger_to(answering)
    if trial is None and challenger == "none":
        wanted_share, wanted_shadow = share or 0.0, bool(shadow)
    name = experiment or (served.experiment if served else load_settings(home).serving.experiment)
    return Configuration(name, answering, trial, wanted_share, wanted_shadow)


def _finish(
    home: Home,
    changer: Changer,
    wanted: Configuration,
    reason: str,
    action: str,
    *,
    as_json: bool,
    code: bool = False,
) -> None:
    import msgspec  # noqa: PLC0415

    from churn_serving.cluster.arguments import digest_of_code  # noqa: PLC0415

    now = datetime.now(UTC)
    asked = msgspec.structs.replace(
        wanted, number=0, made_at=now.isoformat(timespec="seconds"), reason=reason
    )
    outcome = changer.apply(asked, digest_of_code() if code else "")
    _record(home, outcome, action, now)
    if as_json:
        print_json(
            {
                "served": outcome.served,
                "running": outcome.running,
                "reason": outcome.reason,
                "configuration": outcome.configuration.plain(),
            }
        )
    elif outcome.served:
        say(_sentence(outcome))
    if not outcome.served:
        complain(
            f"configuration {outcome.configuration.number} is refused, the former one answers on: {outcome.reason}"
        )
        raise typer.Exit(1)


def _record(home: Home, outcome: Outcome, action: str, now: datetime) -> None:
    from churn_assets.adapters.audit import AuditLog  # noqa: PLC0415

    AuditLog(home.audit_log).append(
        actor=getpass.getuser(),
        action=action if outcome.served else f"{action} refused",
        subject=f"serving/{outcome.configuration.number}",
        details={**outcome.configuration.plain(), "refused": outcome.reason},
        at=now,
    )


def _sentence(outcome: Outcome) -> str:
    configuration = outcome.configuration
    trial = (
        f", challenger {configuration.challenger.version} with {configuration.challenger_share:.0%} of the customers"
        + (" and in the shadow of the others" if configuration.shadow else "")
        if configuration.challenger
        else ""
    )
    where = "is served" if outcome.running else "is kept, and served by the next `churn serve`"
    return f"Configuration {configuration.number} {where}: champion {configuration.champion.version}{trial}."
