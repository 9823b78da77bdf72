"""The counters of all replicas: exact sums at every moment, also of processes that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from churn_assets.adapters.home import PROJECT_ROOT
from churn_serving.telemetry import Telemetry
from churn_tests.serving.counts import Counts, Samples, samples_of

REPLICA = """
import sys
from pathlib import Path
from churn_serving.telemetry import Telemetry

telemetry = Telemetry(Path(sys.argv[1]))
rounds, number = int(sys.argv[2]), int(sys.argv[3])
for _ in range(rounds):
    telemetry.count("champion", "1", "id", [0.02, 0.5])
    telemetry.requests.labels("/predict", 200).inc()
    telemetry.latency.labels("/predict").observe(0.003)
telemetry.store_age.set(number)
telemetry.configuration.labels("champion").set(number)
telemetry.show_models({"champion": str(number)})
print("counted", flush=True)
sys.stdin.read()
"""
Replica = subprocess.Popen[str]
Start = Callable[[int, int], Replica]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that counts so many rounds in the test's folder, and shows a number in its gauges."""
    begun: list[Replica] = []

    def replica(rounds: int, number: int) -> Replica:
        command = [sys.executable, "-c", REPLICA, str(tmp_path), str(rounds), str(number)]
        begun.append(
            subprocess.Popen(
                command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        return begun[-1]

    yield replica
    for process in begun:
        process.kill()
        process.communicate()


def counted(*replicas: Replica) -> None:
    """Wait until replicas have counted."""
    for replica in replicas:
        assert replica.stdout is not None
        assert replica.stdout.readline() == "counted\n"


def read(folder: Path) -> Samples:
    """Return what a process that counts nothing itself reads, as the next replica would."""
    command = [sys.executable, "-c", READER, str(folder)]
    return samples_of(subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, check=True).stdout)


READER = """
import sys
from pathlib import Path
from churn_serving.telemetry import Telemetry

sys.stdout.buffer.write(Telemetry(Path(sys.argv[1])).text())
"""


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_two_processes_are_summed_exactly_and_what_a_killed_one_counted_stays(
    start: Start, tmp_path: Path
) -> None:
    first, second = start(70, 5), start(30, 7)
    counted(first, second)

    both = read(tmp_path)

    assert of(both, "churn_predictions_total", arm="champion", version="1", mode="id") == 200
    assert of(both, "churn_requests_total", route="/predict", status="200") == 100
    assert of(both, "churn_request_seconds_count", route="/predict") == 100
    assert of(both, "churn_request_seconds_bucket", route="/predict", le="0.002") == 0
    assert of(both, "churn_request_seconds_bucket", route="/predict", le="0.005") == 100
    assert of(both, "churn_score_bucket", arm="champion", le="0.02") == 100
    assert of(both, "churn_score_sum", arm="champion") == pytest.approx(52.0)
    assert of(both, "churn_online_store_age_seconds") == 7  # the oldest
    assert of(both, "churn_configuration", arm="champion") == 5  # that of the replica which lags
    assert of(both, "churn_model_info", arm="champion", version="5") == 1

    second.kill()
    second.wait()
    third = start(10, 6)
    counted(third)
    after = read(tmp_path)

    assert of(after, "churn_predictions_total", arm="champion", version="1", mode="id") == 220
    assert of(after, "churn_request_seconds_count", route="/predict") == 110
    assert of(after, "churn_online_store_age_seconds") == 6
    assert ("churn_model_info", frozenset({("arm", "champion"), ("version", "7")})) not in after


def test_a_version_that_serves_no_longer_is_shown_as_0(telemetry: Telemetry) -> None:
    telemetry.show_models({"champion": "901", "challenger": "902"})
    telemetry.show_models({"champion": "902"})

    found = samples_of(telemetry.text())

    assert of(found, "churn_model_info", arm="champion", version="901") == 0
    assert of(found, "churn_model_info", arm="champion", version="902") == 1
    assert of(found, "churn_model_info", arm="challenger", version="902") == 0


def test_each_probability_is_counted_in_its_bucket(telemetry: Telemetry, counts: Counts) -> None:
    telemetry.count("challenger", "7", "batch", [0.0, 0.001, 0.0015, 1.0])

    assert counts.of("churn_predictions_total", arm="challenger", version="7", mode="batch") == 4
    assert counts.of("churn_score_bucket", arm="challenger", le="0.001") == 2
    assert counts.of("churn_score_bucket", arm="challenger", le="0.002") == 3
    assert counts.of("churn_score_bucket", arm="challenger", le="+Inf") == 4


def test_the_counters_of_a_process_lie_in_the_folder_that_it_named(telemetry: Telemetry) -> None:
    telemetry.unknown_customers.inc()

    names = {path.name for path in telemetry._folder.iterdir()}
    assert f"counter_{os.getpid()}.db" in names
