"""Incidents as they are written on the command line, and the drifts among them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.domain.months import Month
from churn_assets.simulator.customers import MONTHLY
from churn_assets.simulator.drift import churn_rate, conditions
from churn_assets.simulator.incidents import DESCRIPTIONS, INCIDENTS, Incident, IncidentKind
from churn_assets.simulator.population import EPOCH, Cast
from churn_assets.simulator.worlds import WORLDS, world_named
from churn_tests.simulator.conftest import Settled

MONTH = EPOCH.plus(3)


def test_every_kind_has_a_line_for_the_help() -> None:
    assert set(INCIDENTS) == {kind.value for kind in IncidentKind}
    assert all("\n" not in text and text for text in INCIDENTS.values())


@given(kind=st.sampled_from(list(IncidentKind)), month=st.integers(1, 12), size=st.floats(0.001, 0.999))
def test_incident_reads_back_what_is_written(kind: IncidentKind, month: int, size: float) -> None:
    tables = DESCRIPTIONS[kind].tables
    text = ":".join([kind, f"2025-{month:02d}", *tables[-1:], repr(size)])

    incident = Incident.parse(text)

    assert incident == Incident(kind, Month(2025, month), tables[-1] if tables else None, size)


def test_table_and_size_have_defaults() -> None:
    assert Incident.parse("sentinels:2025-03") == Incident(
        IncidentKind.SENTINELS, Month(2025, 3), "call_records", 0.005
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("flood:2025-03", "'flood' is no incident: choose one of duplicates,"),
        ("duplicates", "has no month"),
        ("duplicates:2025-3", "is not a month"),
        ("duplicates:2025-03:invoices", "neither a table nor a number"),
        ("duplicates:2025-03:customers:2", "positive share of rows"),
        ("duplicates:2025-03:customers:0", "positive share of rows"),
        ("cents_for_euros:2025-03:customers", "does not happen to customers but to transactions"),
        ("churn_up:2025-03:customers", "no single table"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Incident.parse(text)


@pytest.mark.parametrize("world", WORLDS)
def test_churn_up_brings_every_world_to_the_rate(world: str) -> None:
    preset = world_named(world)

    now = conditions(preset, MONTH, [Incident.parse(f"churn_up:{MONTH}:0.035")])

    assert churn_rate(preset, float(np.exp(now.base_shift))) == pytest.approx(0.035, rel=1e-6)
    assert conditions(preset, MONTH.previous(), [Incident.parse(f"churn_up:{MONTH}")]).base_shift == 0


def _casts(settle: Settled, text: str, months: int) -> list[Cast]:
    population = settle("D", 60_000, incidents=(Incident.parse(text),))
    casts = []
    for _ in range(months):
        population.advance()
        casts.append(population.cast(0))
    return casts


def test_churn_rises_from_the_snapshot_of_the_month_on(settle: Settled) -> None:
    means = [float(cast.probability.mean()) for cast in _casts(settle, f"churn_up:{MONTH}:0.035", 5)]

    assert means[:2] == pytest.approx([0.0237] * 2, rel=0.06)
    assert means[2:] == pytest.approx([0.035] * 3, rel=0.06)


def test_price_rise_multiplies_the_hazard_of_term_contracts_only(settle: Settled) -> None:
    risen = _casts(settle, f"price_rise:{MONTH}:3", 3)[-1]
    plain = _casts(settle, "price_rise:2030-01:3", 3)[-1]

    staying = plain.people.state[: plain.active] == 0
    bound = plain.people.contract[: plain.active] != MONTHLY
    staying &= plain.probability < 0.3  # three times more would be above the ceiling
    ratio = risen.probability / plain.probability
    assert np.allclose(ratio[staying & bound], 3, rtol=1e-3)
    assert np.allclose(ratio[staying & ~bound], 1)
    assert np.array_equal(risen.people.price, plain.people.price)


def test_data_growth_compounds_over_a_year() -> None:
    growth = [Incident.parse(f"data_growth:{MONTH}:0.25")]

    factors = [conditions(WORLDS["A"], MONTH.plus(months), growth).data_factor for months in (-1, 11, 23)]

    assert factors == pytest.approx([1, 1.25, 1.25**2])
