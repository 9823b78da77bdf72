"""Customers as columns of arrays: what the simulator must remember of them from month to month, and their fixed traits.

Months are counted from the epoch. What never changes is hashed from the key when it is asked for and takes no memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from churn_assets.domain.tables import CONTRACT_TYPES, PAYMENT_METHODS
from churn_assets.simulator.draws import (
    Array,
    Floats,
    Stream,
    Trait,
    customer_keys,
    generator,
    normal_trait,
    uniform_trait,
)

NEVER = 32_000
"""The month of something that does not happen: later than all months, with room for sums in 16 bits."""
NEVER_BEFORE = -32_000
"""The month of something that has not happened yet: earlier than all months."""
MONTHLY = CONTRACT_TYPES.index("monthly")
PREPAID = PAYMENT_METHODS.index("prepaid")
STAYING, LEAVING, NOT_PAYING = 0, 1, 2
"""States at a snapshot: nothing to be seen; about to leave; about to be disconnected because bills stay unpaid."""

TERM_MONTHS = np.array([0, 12, 24], dtype=np.int16)  # of CONTRACT_TYPES
_PRICES = (
    5.99,
    7.99,
    9.99,
    11.99,
    13.99,
    15.99,
    17.99,
    19.99,
    22.99,
    24.99,
    27.99,
    29.99,
    34.99,
    39.99,
    49.99,
    69.99,
)
_PLAN_LADDER = np.array(_PRICES, dtype=np.float32)
LOG_PRICE_MEAN, LOG_PRICE_SPREAD = 2.95, 0.45
_MEAN_TENURE_MONTHS = 40.0
_LONGEST_TENURE_MONTHS = 240


@dataclass
class Customers:
    """Arrays of equal length, one entry per customer.

    Attributes:
        serial: number in order of slot and succession; the id is a permutation of it.
        key: secret key from which the fixed traits are hashed.
        joined: month of the signup.
        contract: index into the contract types.
        contract_end: month in which the contract ends or ended; NEVER without an end.
        price: EUR a month of the current plan.
        previous_price: EUR a month before the last change; NaN without one.
        changed: month of the last change of plan or price; NEVER_BEFORE without one.
        satisfaction: standardised, follows a first-order autoregression.
        state: STAYING, LEAVING or NOT_PAYING at the last snapshot.
    """

    serial: NDArray[np.int64]
    key: NDArray[np.uint64]
    joined: NDArray[np.int16]
    contract: NDArray[np.int8]
    contract_end: NDArray[np.int16]
    price: Floats
    previous_price: Floats
    changed: NDArray[np.int16]
    satisfaction: Floats
    state: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.serial)

    def part(self, chosen: slice | Array) -> Customers:
        """Return some of the customers: a view for a slice, a copy for indices."""
        return Customers(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def replace(self, chosen: Array, others: Customers) -> None:
        """Put other customers into the places of the chosen ones."""
        for field in fields(self):
            getattr(self, field.name)[chosen] = getattr(others, field.name)


def concatenated(parts: Sequence[Customers]) -> Customers:
    """Return the customers of all parts, in order."""
    return Customers(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Customers))
    )


def payment_method(keys: Array) -> NDArray[np.int8]:
    """Return the index into the payment methods; prepaid customers never have a contract with an end."""
    monthly = uniform_trait(keys, Trait.CONTRACT) < 0.42
    chance = uniform_trait(keys, Trait.PAYMENT)
    postpaid = np.searchsorted(np.array([0.55, 0.82], dtype=np.float32), chance, side="right")
    return np.where(monthly & (chance >= 0.40), PREPAID, postpaid).astype(np.int8)


def usage_level(keys: Array) -> Floats:
    """Return the customers' lasting level of use, standardised."""
    return normal_trait(keys, Trait.USAGE)


def joiners(seed: int, serials: Array, month: int) -> Customers:
    """Return new customers of a month, on contracts that start in it."""
    count = len(serials)
    keys = customer_keys(seed, serials)
    chance = uniform_trait(keys, Trait.CONTRACT)
    contract = np.searchsorted(np.array([0.42, 0.70], dtype=np.float32), chance, side="right").astype(np.int8)
    end = np.where(contract == MONTHLY, NEVER, month + TERM_MONTHS[contract]).astype(np.int16)
    return Customers(
        serial=serials.astype(np.int64),
        key=keys,
        joined=np.full(count, month, dtype=np.int16),
        contract=contract,
        contract_end=end,
        price=_first_price(keys),
        previous_price=np.full(count, np.nan, dtype=np.float32),
        changed=np.full(count, NEVER_BEFORE, dtype=np.int16),
        satisfaction=normal_trait(keys, Trait.SATISFACTION),
        state=np.zeros(count, dtype=np.int8),
    )


def first_customers(seed: int, serials: Array, month: int, chunk: int) -> Customers:
    """Return the customers of the first month, most of them already long with the operator."""
    people = joiners(seed, serials, month)
    draws = generator(seed, Stream.FIRST_CUSTOMERS, month, chunk)
    tenure = np.minimum(draws.exponential(_MEAN_TENURE_MONTHS, len(people)), _LONGEST_TENURE_MONTHS)
    people.joined -= tenure.astype(np.int16)
    left_over = (draws.random(len(people)) * TERM_MONTHS[people.contract]).astype(np.int16)
    people.contract_end = np.where(people.contract == MONTHLY, NEVER, month + left_over).astype(np.int16)
    return people


def _first_price(keys: Array) -> Floats:
    """Return the price of the plan that fits the use, and for some a personal discount."""
    wish = np.float32(0.45) * usage_level(keys) + np.float32(0.9) * normal_trait(keys, Trait.PLAN)
    prepaid = payment_method(keys) == PREPAID
    wanted = np.exp(
        np.float32(LOG_PRICE_MEAN) - np.float32(0.35) * prepaid + np.float32(LOG_PRICE_SPREAD) * wish
    )
    plan = np.searchsorted(_PLAN_LADDER[:-1] * np.float32(1.07), wanted)
    discount = np.float32(0.05) * np.floor(uniform_trait(keys, Trait.TOP_UP) * 4).astype(np.float32)
    price: Floats = np.round(_PLAN_LADDER[plan] * (1 - discount), 2)
    return price
