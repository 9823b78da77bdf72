"""What the service counted since a moment, read as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from churn_serving.telemetry import Telemetry

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: bytes) -> Samples:
    """Return each sample's value by its name and labels."""
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


class Counts:
    """How far the counters have moved since this was made."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._before = samples_of(telemetry.text())

    def of(self, name: str, **labels: str) -> float:
        """Return by how much the samples with a name and these labels, among others, have grown in all."""
        return self._sum(samples_of(self._telemetry.text()), name, labels) - self._sum(
            self._before, name, labels
        )

    @staticmethod
    def _sum(samples: Samples, name: str, labels: dict[str, str]) -> float:
        return sum(
            value for (known, has), value in samples.items() if known == name and labels.items() <= set(has)
        )
