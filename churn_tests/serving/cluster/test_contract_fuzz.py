"""The running service keeps what its own OpenAPI document says, whatever is sent to it.

Schemathesis makes the requests from the document: examples, every boundary of every field, and random ones; some that
fit the schema, some that do not, some without a valid key. It then holds each answer against the document.
"""

from __future__ import annotations

from collections import defaultdict

import polars as pl
import pytest
import schemathesis
from schemathesis.engine import from_schema
from schemathesis.engine.events import EngineFinished, FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import BaseSchema

from churn_tests.benchmarks.serving.running import HOST, Service

SETTINGS = """
seed = 7
continue-on-failure = true
cache.enabled = false
phases.stateful.enabled = false

[generation]
mode = "all"
max-examples = 50
deterministic = true
database = "none"
no-shrink = true
"""
OPERATIONS = {
    "POST /predict",
    "POST /predict/batch",
    "GET /customers/{id}/score",
    "GET /health",
    "GET /ready",
    "GET /metrics",
}
CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "positive_data_acceptance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
    "allow_header_conformance",
}


@pytest.fixture
def contract(service: Service) -> BaseSchema:
    """The document as the service hands it out; every request gets a valid key, where the check is not about keys."""
    key = {"X-API-Key": service.key}
    config = schemathesis.Config.from_str(SETTINGS)
    config.projects.default.headers = key
    return schemathesis.openapi.from_url(
        f"http://{HOST}:{service.port}/openapi.json", headers=key, config=config
    )


class Findings:
    """What a run found, by check and operation; one request to show for each."""

    def __init__(self) -> None:
        self.checks: set[str] = set()
        self.modes: dict[str, set[str]] = defaultdict(set)
        self.requests = 0
        self.failures: dict[tuple[str, str], str] = {}
        self.errors: list[str] = []
        self.finished = False

    def take(self, recorder: ScenarioRecorder) -> None:
        """Take in what was sent to one operation and how the answers were judged."""
        self.requests += len(recorder.interactions)
        for case in recorder.cases.values():
            if case.value.meta is not None:
                self.modes[recorder.label].add(case.value.meta.generation.mode.value)
        for check in (check for checks in recorder.checks.values() for check in checks):
            self.checks.add(check.name)
            if (info := check.failure_info) is not None:
                shown = f"{info.failure.title}\n{info.failure.message}\n{info.code_sample}"
                self.failures.setdefault((check.name, recorder.label), shown)


def findings_of(contract: BaseSchema) -> Findings:
    """Let Schemathesis run to its end."""
    findings = Findings()
    for event in from_schema(contract).execute():
        match event:
            case ScenarioFinished():
                findings.take(event.recorder)
            case NonFatalError():
                findings.errors.append(f"{event.label}: {event.info.format()}")
            case FatalError():
                findings.errors.append(repr(event.exception))
            case EngineFinished():
                findings.finished = True
            case _:
                pass
    return findings


def test_the_service_keeps_its_contract_whatever_is_sent(contract: BaseSchema) -> None:
    findings = findings_of(contract)

    assert not findings.failures, "\n\n".join(f"{where}: {what}" for where, what in findings.failures.items())
    assert not findings.errors
    assert findings.finished
    assert set(findings.modes) == OPERATIONS
    for operation in OPERATIONS:
        assert findings.modes[operation] == {"positive", "negative"}, operation
    assert findings.checks >= CHECKS
    assert findings.requests > 1_000


def test_a_known_customer_s_answer_is_as_the_contract_says(
    contract: BaseSchema, service: Service, scores: pl.DataFrame
) -> None:
    operation = contract["/customers/{id}/score"]["GET"]

    for customer in scores["customer_id"].head(10):
        for explain in ("false", "true"):
            asked = operation.Case(path_parameters={"id": customer}, query={"explain": explain})
            answer = asked.call_and_validate(headers={"X-API-Key": service.key})

            assert answer.status_code == 200
            assert ("reasons" in answer.json()) is (explain == "true")
