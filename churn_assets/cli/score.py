"""`churn score`: one customer by HTTP, as the agent's desktop asks."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from churn_assets.cli.screen import complain, print_json, say

_WITHIN_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


def score(
    customer: Annotated[int, typer.Argument(min=1, help="The customer's id.")],
    explain: Annotated[bool, typer.Option(help="Add the reasons.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as it came.")] = False,
) -> None:
    """Ask the running service for one customer's score."""
    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_serving.change import running_service  # noqa: PLC0415
    from churn_serving.places import ServingPlaces  # noqa: PLC0415
    from churn_serving.security.local import local_key  # noqa: PLC0415

    places = ServingPlaces(Home.from_environment())
    service = running_service(places)
    if service is None:
        raise ValueError("nothing serves this home: `churn serve` (or `make serve`) starts it")
    url = f"{service.url}/customers/{customer}/score?explain={str(explain).lower()}"
    request = urllib.request.Request(  # noqa: S310  our own address
        url, headers={"X-API-Key": local_key(places.root, datetime.now(UTC))}
    )
    try:
        with urllib.request.urlopen(request, timeout=_WITHIN_S) as response:  # noqa: S310  likewise
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        complain(_detail(error))
        raise typer.Exit(1) from None
    except OSError as error:
        complain(f"the service at {service.url} does not answer: {error}")
        raise typer.Exit(1) from None
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}: {json.load(error)['detail']}"
    except (ValueError, KeyError):
        return f"the service answered {error.code}"


def _print(answer: dict[str, Any]) -> None:
    prediction = "predicted to leave" if answer["churn_prediction"] else "predicted to stay"
    say(
        f"Customer {answer['customer_id']}: {answer['churn_probability']:.1%} to leave next month, {answer['risk_band']} risk, "
        f"{prediction} (threshold {answer['threshold']:.1%}, confidence {answer['confidence']})."
    )
    stale = ", stale" if answer["features_stale"] else ""
    say(
        f"Version {answer['model_version']} ({answer['arm']}), features of {answer['features_month']}{stale}."
    )
    if "reasons" in answer:
        say(f"Reasons: {', '.join(answer['reasons']) or 'nothing raises the risk'}.")
