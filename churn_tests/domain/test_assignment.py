"""Keyed draws: fixed by key and customer, even over customers, unrelated between keys."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.domain.assignment import ARMS, Split, keyed_draws


def test_a_draw_depends_on_the_key_and_the_customer_alone() -> None:
    many = keyed_draws("2025-03", range(1, 1001))

    alone = keyed_draws("2025-03", [500])

    assert alone[0] == many[499]
    assert keyed_draws("2025-04", [500])[0] != alone[0]


def test_another_implementation_gets_the_same_draw() -> None:
    secret = blake2b(b"retention/2025-03", digest_size=32).digest()
    eight_bytes = blake2b(b"42", key=secret, digest_size=8).hexdigest()

    assert keyed_draws("retention/2025-03", [42])[0] == pytest.approx(int(eight_bytes, 16) / 2**64, abs=1e-15)


def test_draws_are_even_over_customers_and_unrelated_between_keys() -> None:
    first = keyed_draws("first", range(1, 20_001)).to_numpy()
    second = keyed_draws("second", range(1, 20_001)).to_numpy()

    shares = np.histogram(first, bins=10, range=(0, 1))[0] / first.size

    assert np.abs(shares - 0.1).max() < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_change_of_the_share_moves_only_the_difference(before: float, after: float) -> None:
    ids = range(1, 2_001)
    former, latter = (Split("spring", share).arms_of(ids) for share in (before, after))

    moved = {(one, other) for one, other in zip(former, latter, strict=True) if one != other}
    direction = ("champion", "challenger") if after > before else ("challenger", "champion")

    assert moved <= {direction}
    count = sum(one != other for one, other in zip(former, latter, strict=True))
    assert abs(count / len(ids) - abs(after - before)) < 0.06


def test_the_challenger_gets_its_share_and_the_same_customers_by_one_and_by_many() -> None:
    split = Split("spring", 0.1)
    arms = split.arms_of(range(100_000))

    assert abs(arms.count("challenger") / len(arms) - 0.1) < 0.003
    assert [split.arm_of(customer) for customer in range(1_000)] == arms[:1_000]


def test_who_is_on_which_arm_is_written_in_stone() -> None:
    """A change of the function would deal every running experiment anew: it must fail here."""
    challengers = [
        customer for customer in range(1, 60) if Split("spring", 0.1).arm_of(customer) != "champion"
    ]

    assert challengers == [9, 21, 41, 42, 54, 55]


def test_another_experiment_deals_anew() -> None:
    ids = range(10_000)
    one, other = (Split(name, 0.5).arms_of(ids) for name in ("spring", "summer"))

    agreeing = sum(first == second for first, second in zip(one, other, strict=True))

    assert abs(agreeing / len(ids) - 0.5) < 0.03


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_and_all_are_shares(share: float) -> None:
    assert set(Split("spring", share).arms_of(range(1_000))) == {ARMS[int(share)]}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_no_other_share_is_taken(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Split("spring", share)
