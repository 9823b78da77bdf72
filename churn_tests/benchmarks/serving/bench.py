"""Runs the services one after the other under the same load, never two at a time, in interleaved rounds.

The load generator shares the machine with the server that it loads, with all of them alike. The service with pandas runs
twice: as it is written, with a thread a core in the trees' library, and with one thread, which is faster wherever
something else has work too. Ours is held against both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from churn_assets.adapters.home import Home
from churn_tests.benchmarks.serving.contenders import (
    BARE,
    CONSTANT,
    MLFLOW,
    OURS,
    PANDAS,
    PANDAS_ONE_THREAD,
    VARIANTS,
    asked_of,
    asked_of_ours,
    baseline,
    deploy,
)
from churn_tests.benchmarks.serving.figures import OPEN_RATE, Figure, Run, figures_of, targets_of
from churn_tests.benchmarks.serving.installation import SEED, Installation, made, opened
from churn_tests.benchmarks.serving.load import Spec, measured
from churn_tests.benchmarks.serving.running import served
from churn_tests.benchmarks.serving.server import Server

CONTENDERS = (CONSTANT, PANDAS, PANDAS_ONE_THREAD, BARE, MLFLOW, OURS)
CLIENTS = (1, 4, 16)
SECONDS = 5.0
ROUNDS = 2
OPEN_LASTS = (
    4  # times as long as a closed loop, 20 s by default: at 100 requests a second p99 needs 2,000 of them
)

Say = Callable[[str], None]


def measure_serving(
    home: Path | None,
    seconds: float = SECONDS,
    clients: Sequence[int] = CLIENTS,
    *,
    contenders: Sequence[str] = CONTENDERS,
    rounds: int = ROUNDS,
    say: Say = lambda _: None,
) -> list[Figure]:
    """Return a figure for each service and load, then each demand on ours with its value.

    Args:
        home: a home with a champion and a challenger, whose served split is changed; without one a home is made.
        seconds: how long each closed loop lasts.
        clients: the closed loops.
        contenders: which services are measured.
        rounds: how often each is, by turns.
        say: hears what is going on.

    Raises:
        ServerError: a service did not come up or did not do what was asked.
        ValueError: the home has no champion, or no other model.
    """
    with TemporaryDirectory(prefix="churn-bench-serving-") as scratch:
        if home is None:
            say("an operator's six months, a champion and a challenger ...")
            home = made(Path(scratch) / "home")
        bench = Bench(opened(home), Path(scratch), seconds, clients, say)
        runs = [run for _ in range(rounds) for name in contenders for run in bench.runs_of(name)]
        figures = figures_of(runs, bench.installation.contract.family)
    return figures + targets_of(figures)


@dataclass(frozen=True)
class Bench:
    """What every service is measured with."""

    installation: Installation
    scratch: Path
    seconds: float
    clients: Sequence[int]
    say: Say

    def runs_of(self, name: str) -> Iterator[Run]:
        """Start a service, load it, end it."""
        return self._ours() if name == OURS else self._baseline(name)

    def _baseline(self, name: str) -> Iterator[Run]:
        with baseline(name, self.installation, self.scratch) as server:
            yield from self._loaded(server, name, asked_of(name, self.installation), paced=name == PANDAS)

    def _ours(self) -> Iterator[Run]:
        self.say(f"{OURS} ...")
        with served(Home(self.installation.home)) as service:
            for variant in VARIANTS:
                deploy(variant, self.installation, service)
                requests = asked_of_ours(variant, self.installation, service)
                yield from self._loaded(
                    service.server, variant.name, requests, paced=variant.paced, arms="arm"
                )

    def _loaded(
        self, server: Server, name: str, requests: list[str], *, paced: bool, arms: str | None = None
    ) -> Iterator[Run]:
        """Warm a service up, then load it with each number of clients, and at a rate where asked."""
        measured(Spec(server.port, requests, min(self.seconds, 1), clients=4))
        spec = Spec(server.port, requests, self.seconds, clients=1, count_field=arms)
        loads = [replace(spec, clients=each) for each in self.clients]
        if paced:
            open_seconds = OPEN_LASTS * self.seconds
            loads.append(replace(spec, clients=0, rate=OPEN_RATE, poisson_seed=SEED, seconds=open_seconds))
        for load in loads:
            self.say(
                f"{name}, {f'{load.clients} clients' if load.clients else f'{load.rate:.0f} requests/s'} ..."
            )
            yield Run(name, measured(load), server.memory())
