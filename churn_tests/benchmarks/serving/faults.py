"""What customers feel while the service is broken or changed under 50 requests a second, and past its capacity.

Each event happens in the middle of a load of its own. `outage_s` is the time between the first and the last request that
failed. Last the parity: 10,000 customers of the newest month over HTTP, each arm in turn, against the batch.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from churn_assets.adapters.home import Home
from churn_assets.adapters.online_store import FilesStore
from churn_assets.defs.features import MATRIX, read_matrix
from churn_assets.defs.project import Project
from churn_assets.learning.model import ChurnModel
from churn_tests.benchmarks.serving.installation import SEED, Installation, made, opened
from churn_tests.benchmarks.serving.load import Running, Spec, measured
from churn_tests.benchmarks.serving.processes import memory, tree
from churn_tests.benchmarks.serving.running import Service, served
from churn_tests.benchmarks.serving.tally import Result

RATE = 50.0
LASTS_S = 15.0
BEGUN_S = 3.0
PARITY_CUSTOMERS = 10_000
TIMES_CAPACITY = 3
Figure = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Event:
    """Something that happens to a service under load."""

    name: str
    act: Callable[[], object]
    seconds: float = LASTS_S


def measure_faults(home: Path | None, *, say: Say = lambda _: None) -> list[Figure]:
    """Return a figure for each event, for the overload, and for the parity.

    Args:
        home: a home with a champion and a challenger, whose served split is changed; without one a home is made.
        say: hears what is going on.
    """
    with TemporaryDirectory(prefix="churn-bench-faults-") as scratch:
        if home is None:
            say("an operator's six months, a champion and a challenger ...")
            home = made(Path(scratch) / "home")
        installation = opened(home)
        figures = []
        with served(Home(installation.home)) as service:
            figures += [_felt(service, installation, event, say) for event in _events(service, installation)]
            figures += _overload(service, installation, say)
            figures += [_parity(service, share, say) for share in (0.0, 1.0)]
        alone = {"CHURN_SERVING_CHAMPION_REPLICAS": "1"}
        with served(Home(installation.home), alone) as service:
            event = Event("kill -9 of the only champion replica", lambda: service.kill("champion"))
            figures.append(_felt(service, installation, event, say))
    return figures


def _events(service: Service, installation: Installation) -> Sequence[Event]:
    trial = installation.challenger
    champion = service.get("/ready")["champion"]["version"]

    def deploy(*words: str) -> Callable[[], object]:
        return lambda: service.churn("deploy", *words)

    def kill_haproxy() -> None:
        for pid in service.haproxies():
            os.kill(pid, signal.SIGKILL)

    return (
        Event("nothing", deploy("--challenger", trial, "--challenger-share", "0.3")),
        Event("kill -9 of a champion replica", lambda: service.kill("champion")),
        Event("kill -9 of the only challenger", lambda: service.kill("challenger")),
        Event("kill -9 of haproxy", kill_haproxy),
        Event("share 30 to 50 %", deploy("--challenger-share", "0.5")),
        Event("another champion version", deploy("--champion", trial, "--challenger", champion)),
        Event("a bad model (missing)", lambda: _push_bad(service)),
        Event("roll-back", lambda: service.churn("rollback")),
        Event("a new online snapshot", lambda: _publish(service)),
        Event("a roll-out of code", lambda: service.places.want_code(str(time.time())), seconds=25.0),
    )


def _felt(service: Service, installation: Installation, event: Event, say: Say) -> Figure:
    """Let an event happen under load and return what was felt."""
    say(f"{event.name} ...")
    requests = [service.by_id(customer.customer_id) for customer in installation.customers]
    load = Running(Spec(service.port, requests, event.seconds, rate=RATE, count_field="fallback"))
    time.sleep(BEGUN_S)
    event.act()
    result = load.result()
    champions = 1 if event.name.endswith("only champion replica") else 2
    service.settled(champions, 1)
    return {"event": event.name, **_told(result)}


def _told(result: Result) -> Figure:
    outage = (
        0.0
        if result.first_failure is None or result.last_failure is None
        else result.last_failure - result.first_failure
    )
    return {
        "requests": result.requests,
        "failed": result.failures,
        "reasons": result.failed,
        "outage_s": outage,
        "p50_ms": result.p50_ms,
        "p99_ms": result.p99_ms,
        "max_ms": result.max_ms,
        "fallbacks": result.counted.get("true", 0),
    }


def _push_bad(service: Service) -> None:
    """Deploy a champion whose files are nowhere."""
    document = {
        "experiment": "champion-challenger",
        "champion": {"version": "0", "digest": "0" * 64},
    }
    file = service.home.root / "bad.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    service.churn("deploy", "--file", str(file))


def _publish(service: Service) -> None:
    """Publish the newest month again, with other values."""
    project = Project.of(service.home)
    month = project.lake.months(MATRIX)[-1]
    matrix = read_matrix(project, project.lake, month)
    store = FilesStore(service.home.online_store)
    manifest = store.current()
    assert manifest is not None
    changed = matrix.with_columns(matrix["tenure_days"] + 1)
    prepared = store.prepare(changed, manifest.features, month=month, made_at=manifest.made_at)
    store.publish(prepared)


def _overload(service: Service, installation: Installation, say: Say) -> list[Figure]:
    """Find the capacity, offer three times as much, then ask again as before."""
    service.churn("deploy", "--challenger-share", "0.1")
    requests = [service.by_id(customer.customer_id) for customer in installation.customers]
    say("capacity ...")
    capacity = measured(Spec(service.port, requests, 5.0, clients=16)).throughput
    calm = measured(Spec(service.port, requests, 5.0, rate=RATE))
    before = memory(tree(service.server.pid, service.server.mark)).uss_mib
    rate = TIMES_CAPACITY * capacity
    say(f"{rate:,.0f} requests/s, {TIMES_CAPACITY} times the capacity ...")
    flooded = measured(Spec(service.port, requests, 10.0, rate=rate, cap=2_000))
    grown = memory(tree(service.server.pid, service.server.mark)).uss_mib - before
    after = measured(Spec(service.port, requests, 5.0, rate=RATE))
    return [
        {"event": f"overload: {rate:,.0f} offered, capacity {capacity:,.0f}", **_told(flooded)}
        | {"retry_after": flooded.retry_after, "answered_per_second": flooded.throughput, "grown_mib": grown},
        {"event": "before the overload", **_told(calm)},
        {"event": "after the overload", **_told(after)},
    ]


def _parity(service: Service, share: float, say: Say) -> Figure:
    """Compare what HTTP answers on one arm with what the batch gives to the same customers."""
    arm = "challenger" if share else "champion"
    say(f"parity of the {arm} ...")
    service.churn("deploy", "--challenger-share", str(share))
    ready = service.get("/ready")
    digest = ready[arm]["digest"]
    model = ChurnModel.load(service.places.model(digest), digest)
    project = Project.of(service.home)
    matrix = read_matrix(project, project.lake, project.lake.months(MATRIX)[-1])
    some = matrix.sample(min(PARITY_CUSTOMERS, matrix.height), seed=SEED)
    rows = [
        {name: value for name, value in row.items() if name != "month"} for row in some.iter_rows(named=True)
    ]
    asked = [{"customer_id": row.pop("customer_id"), "features": row} for row in rows]
    given = service.batch(asked)
    assert {answer["arm"] for answer in given} == {arm}
    difference = np.abs(
        np.array([answer["churn_probability"] for answer in given]) - model.probabilities(some)
    )
    return {
        "event": f"parity of the {arm}",
        "requests": len(given),
        "greatest_difference": float(difference.max()),
    }
