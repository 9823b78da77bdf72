"""The account of the business case, and what cannot be accounted for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.domain.economics import Economics, account, expected_account, expected_profit


def test_reference_operators_month_as_the_business_case_states_it() -> None:
    month = account(contacts=51_692, churners_found=33_600, economics=Economics())

    assert month.cost_eur == pytest.approx(1_809_220)
    assert month.saved_customers == pytest.approx(13_440)
    assert month.saved_eur == pytest.approx(2_419_200)
    assert month.profit_eur == pytest.approx(609_980)


def test_ten_customers_by_hand() -> None:
    probabilities = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]

    promised = expected_account(probabilities, Economics(contact_cost_eur=10, save_rate=0.5, value_eur=100))

    assert promised.contacts == 10
    assert promised.churners_found == pytest.approx(4.5)
    assert promised.cost_eur == 100
    assert promised.profit_eur == pytest.approx(4.5 * 50 - 100)


def test_a_contact_pays_from_the_break_even_probability_on() -> None:
    economics = Economics()
    at = economics.break_even_probability

    below, equal, above = expected_profit([at - 0.01, at, at + 0.01], economics)

    assert at == pytest.approx(35 / 72)
    assert below == pytest.approx(-0.72)
    assert equal == pytest.approx(0, abs=1e-9)
    assert above == pytest.approx(0.72)


@given(probabilities=st.lists(st.floats(0, 1), max_size=30))
def test_the_account_is_the_sum_of_what_each_contact_earns(probabilities: list[float]) -> None:
    economics = Economics()

    assert expected_account(probabilities, economics).profit_eur == pytest.approx(
        expected_profit(probabilities, economics).sum(), abs=1e-6
    )


@pytest.mark.parametrize("wrong", [float("nan"), -0.1, 1.1])
def test_what_is_no_probability_has_no_expected_profit(wrong: float) -> None:
    with pytest.raises(ValueError, match="is not a probability"):
        expected_profit([0.5, wrong], Economics())


@pytest.mark.parametrize(
    ("name", "value"), [("contact_cost_eur", -1), ("save_rate", 0), ("save_rate", 1.5), ("value_eur", 0)]
)
def test_impossible_assumptions_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Economics(**{name: value})


def test_more_churners_than_contacts_are_no_campaign() -> None:
    with pytest.raises(ValueError, match="check both counts"):
        account(contacts=10, churners_found=11, economics=Economics())
