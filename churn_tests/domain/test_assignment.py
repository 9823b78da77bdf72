"""Keyed draws: fixed by key and customer, even over customers, unrelated between keys."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest

from churn_assets.domain.assignment import keyed_draws


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
