"""`churn`: what a person or a script asks of the platform."""

from __future__ import annotations

import sys

import typer

from churn_assets.cli import (
    bench,
    deploy,
    doctor,
    exports,
    key,
    release,
    run,
    score,
    serve,
    simulate,
    status,
    ui,
)
from churn_assets.cli.screen import complain

app = typer.Typer(
    name="churn",
    help="From an operator's raw months to a trusted campaign list. State lives in CHURN_HOME (default var/).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (simulate, run, status, exports, release, serve, deploy, score, key, doctor, ui, bench):
    module.register(app)


def main() -> None:
    """Run the command; what a person can mend is one sentence, not a stack."""
    from churn_assets.adapters.lake import LakeError  # noqa: PLC0415
    from churn_assets.adapters.settings import SettingsError  # noqa: PLC0415

    try:
        app()
    except (SettingsError, LakeError, ValueError, FileNotFoundError, PermissionError) as error:
        complain(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
