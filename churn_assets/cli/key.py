"""`churn key`: make, list and revoke the API keys of the scoring service."""

from __future__ import annotations

import getpass
import math
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from churn_assets.cli.screen import print_json, say
from churn_serving.security.key_ring import ApiKey, Scope

if TYPE_CHECKING:
    from churn_serving.security.key_file import KeyFile

BATCH = 1_000
"""Customers of the largest batch: unless told otherwise, a key with a rate may send one at once."""
LONGEST_DAYS = 36_500
JsonOption = Annotated[bool, typer.Option("--json", help="For a program.")]
ByOption = Annotated[
    str, typer.Option(help="Who does it, for the audit log; by default this machine's user.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(help="API keys of the scoring service.", no_args_is_help=True)
    keys.command("create")(create)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="key")


def create(
    name: Annotated[str, typer.Argument(help="Who the key is for, such as crm.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="score: ask for scores (default). observe: metrics, readiness, docs."),
    ] = None,
    rate: Annotated[
        float, typer.Option(help="Customers a second in the long run; 0 is without limit.")
    ] = 0.0,
    burst: Annotated[
        int | None,
        typer.Option(min=1, help=f"Customers at once; by default {BATCH:,}, or the rate if that is more."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_DAYS, help="Days until it expires; by default never.")
    ] = None,
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from churn_serving.security.local import LOCAL_NAME  # noqa: PLC0415

    if name == LOCAL_NAME:
        raise ValueError(f"the name {LOCAL_NAME!r} is taken by this machine's own key: give another")
    now = datetime.now(UTC)
    file = _key_file()
    key, plaintext = file.create(
        name,
        scope or [Scope.SCORE],
        now,
        secrets.token_bytes,
        rate_per_second=rate,
        burst=_burst(rate, burst),
        expires_at=None if days is None else now + timedelta(days=days),
    )
    _record_or_revoke(file, key, by, now)
    if as_json:
        print_json({"key": plaintext, **_shown(key, now)})
    else:
        say(plaintext)
        say(
            f"The key {key.id} of {key.name}: {_described(key, now)}. It is shown only now; keep it in a safe place."
        )


def list_keys(as_json: JsonOption = False) -> None:
    """List all keys ever made, never their secrets."""
    now = datetime.now(UTC)
    keys = _key_file().all_keys()
    if as_json:
        print_json([_shown(key, now) for key in keys])
        return
    for key in keys:
        say(f"{key.id}  {key.name}: {_described(key, now)}")
    if not keys:
        say("No key yet: `churn key create NAME` makes one.")


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, see `churn key list`.")],
    by: ByOption = "",
) -> None:
    """Let a key be accepted no more; a running service refuses it from its next request on."""
    now = datetime.now(UTC)
    key = _key_file().revoke(key_id, now)
    _record("revoke key", key, by, {"name": key.name}, now)
    say(f"The key {key.id} of {key.name} is revoked.")


def _burst(rate: float, burst: int | None) -> int:
    """Choose what may come at once; a wrong rate is left to the key to complain about."""
    if rate == 0 and burst is not None:
        raise ValueError("--burst needs a --rate: a key without limit may ask for any number at once")
    if burst is not None or rate == 0:
        return burst or 0
    return max(BATCH, math.ceil(rate)) if math.isfinite(rate) else BATCH


def _record_or_revoke(file: KeyFile, key: ApiKey, by: str, now: datetime) -> None:
    """Record a new key before anybody knows it; one that cannot be recorded is never handed out."""
    details = {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "rate_per_second": key.rate_per_second,
        "burst": key.burst,
        "expires_at": key.expires_at and key.expires_at.isoformat(),
    }
    try:
        _record("create key", key, by, details, now)
    except BaseException:
        file.revoke(key.id, now)
        raise


def _record(action: str, key: ApiKey, by: str, details: Mapping[str, object], now: datetime) -> None:
    from churn_assets.adapters.audit import AuditError, AuditLog  # noqa: PLC0415
    from churn_assets.adapters.home import Home  # noqa: PLC0415

    try:
        AuditLog(Home.from_environment().audit_log).append(
            by or _user(), action, f"key/{key.id}", details, now
        )
    except AuditError as error:
        raise ValueError(f"the action {action!r} of {key.id} could not be recorded: {error}") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def _key_file() -> KeyFile:
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_serving.security.key_file import KeyFile  # noqa: PLC0415

    return KeyFile.in_folder(Home.from_environment().serving)


def _shown(key: ApiKey, now: datetime) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "state": _state(key, now),
        "scopes": sorted(key.scopes),
        "rate_per_second": key.rate_per_second,
        "burst": key.burst,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
    }


def _state(key: ApiKey, now: datetime) -> str:
    return str(key.refusal(now) or "active")


def _described(key: ApiKey, now: datetime) -> str:
    limit = (
        f"{key.rate_per_second:g} customers/s, {key.burst:,} at once" if key.rate_per_second else "no limit"
    )
    until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "without end"
    return f"{_state(key, now)}, {' and '.join(sorted(key.scopes))}, {limit}, {until}"
