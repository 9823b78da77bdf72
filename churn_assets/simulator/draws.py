"""Where chance comes from: generators keyed by what they draw for, and attributes hashed from a customer's key.

Nothing here keeps a state between calls, so a month can be drawn without the months after it, and a chunk without its
neighbours: that is what makes deliveries reproducible whatever their number and the number of threads.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_HALF_BITS = 17  # customer ids have twice as many: 1 to 17,179,869,184
_HALF_MASK = np.uint64((1 << _HALF_BITS) - 1)
LARGEST_CUSTOMER_ID = 1 << (2 * _HALF_BITS)


class Stream(IntEnum):
    """What a generator draws; each has its own, so that a change of one leaves the others as they were."""

    FIRST_CUSTOMERS = 1
    POPULATION = 2
    OUTCOME = 3
    CONDUCT = 4
    CALLS = 5
    BILLING = 6
    SUPPORT = 7
    APPLICATION = 8
    DIRT = 9


class Trait(IntEnum):
    """What is hashed from a customer's key: the attributes that never change."""

    CONTACT_KEY = 1
    USAGE = 2
    CALLING = 3
    NETWORK = 4
    PLAN = 5
    CONTRACT = 6
    PAYMENT = 7
    AGE = 8
    REGION = 9
    OPT_OUT = 10
    APPLICATION = 11
    APPLICATION_LEVEL = 12
    CONTACTS = 13
    BILL_DAY = 14
    SIGNUP_DAY = 15
    ABROAD = 16
    PEAK = 17
    LENGTH = 18
    SATISFACTION = 19
    TOP_UP = 20
    CHANGE_DAY = 21


def generator(seed: int, stream: Stream, month: int, chunk: int) -> np.random.Generator:
    """Return the generator of one stream, month (counted from the epoch) and chunk of customers."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, int(stream), month, chunk])))


def mixed(numbers: Array) -> NDArray[np.uint64]:
    """Return the 64-bit numbers well mixed (the finaliser of SplitMix64, a bijection)."""
    mixed = numbers.astype(np.uint64)  # a copy: the steps below work in place
    mixed ^= mixed >> np.uint64(30)
    mixed *= _MIX_1
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return mixed


def seed_key(seed: int) -> np.uint64:
    """Return 64 bits that stand for the seed."""
    return np.uint64(np.random.SeedSequence([seed]).generate_state(1, np.uint64)[0])


def customer_keys(seed: int, serials: Array) -> NDArray[np.uint64]:
    """Return each customer's secret key, from which the traits are hashed."""
    return mixed(serials.astype(np.uint64) * _GOLDEN ^ seed_key(seed))


def customer_ids(seed: int, serials: Array) -> NDArray[np.int64]:
    """Return the customers' ids: a keyed permutation of the serial numbers, so that they tell neither age nor place.

    A Feistel network of four rounds is a bijection whatever its round function is; hence ids are unique.

    Raises:
        ValueError: there are more customers than ids.
    """
    if serials.size and int(serials.max()) >= LARGEST_CUSTOMER_ID:
        raise ValueError(f"the simulator numbers at most {LARGEST_CUSTOMER_ID:,} customers: ask for fewer")
    half = np.uint64(_HALF_BITS)
    numbers = serials.astype(np.uint64)
    left, right = numbers >> half, numbers & _HALF_MASK
    key = seed_key(seed)
    for round_number in range(4):
        scrambled = mixed(right ^ key ^ (np.uint64(round_number) << np.uint64(40))) & _HALF_MASK
        left, right = right, left ^ scrambled
    return ((left << half | right) + np.uint64(1)).astype(np.int64)


def uniform_trait(keys: Array, trait: int) -> Floats:
    """Return a number in [0, 1) for each key, always the same for key and trait."""
    offset = np.uint64(trait * int(_GOLDEN) % 2**64)
    top_bits: Floats = (mixed(keys + offset) >> np.uint64(40)).astype(np.float32)
    top_bits *= np.float32(2**-24)
    return top_bits


def normal_trait(keys: Array, trait: int) -> Floats:
    """Return a standard normal number for each key, always the same for key and trait (Box and Muller)."""
    radius = np.sqrt(np.float32(-2) * np.log1p(-uniform_trait(keys, trait)))
    normal: Floats = radius * np.cos(np.float32(2 * np.pi) * uniform_trait(keys, 1_000 + trait))
    return normal
