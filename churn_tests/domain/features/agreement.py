"""What it means that two computations of the features agree, and that they are the same to the bit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from churn_tests.domain.features.reference import Values


def assert_agrees(matrix: pl.DataFrame, reference: Sequence[Values]) -> None:
    """Assert that columns, rows, nulls and values agree, within the catalogue's tolerance."""
    assert matrix.height == len(reference)
    for computed, expected in zip(matrix.iter_rows(named=True), reference, strict=True):
        assert list(computed) == list(expected)
        for name, value in expected.items():
            assert _agree(computed[name], value, _tolerance(name, expected)), (
                f"customer {expected['customer_id']}, {name}: {computed[name]!r}, expected {value!r}"
            )


def bits(matrix: pl.DataFrame) -> list[tuple[object, ...]]:
    """Return the rows with every float spelled to the last bit, sign of zero included."""
    return [tuple(_spelled(value) for value in row) for row in matrix.rows()]


def _tolerance(name: str, expected: Values) -> float:
    return 1e-12 * max(1.0, expected["monetary_avg"] or 0.0) if name == "monetary_std" else 1e-12


def _agree(computed: object, expected: object, absolute: float) -> bool:
    if isinstance(computed, float) and isinstance(expected, float | int):
        return math.isfinite(computed) and math.isclose(computed, expected, rel_tol=1e-9, abs_tol=absolute)
    return type(computed) is type(expected) and computed == expected


def _spelled(value: object) -> object:
    return value.hex() if isinstance(value, float) else value
