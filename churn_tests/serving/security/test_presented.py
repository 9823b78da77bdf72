"""The three headers that may carry a key, and junk in their place."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_serving.security.keys import KeyRing, Refusal, presented_key
from churn_tests.serving.security.made_keys import NOON, made

KEY, PLAINTEXT = made()
RAW = PLAINTEXT.encode()


def basic(user_and_password: bytes) -> bytes:
    return b"Basic " + base64.b64encode(user_and_password)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-api-key", RAW),
        (b"x-api-key", b"  " + RAW + b"\t"),
        (b"authorization", b"Bearer " + RAW),
        (b"authorization", b"bearer  " + RAW),
        (b"authorization", basic(b"anyone:" + RAW)),
        (b"authorization", basic(b":" + RAW)),
        (b"authorization", b"BASIC " + base64.b64encode(b"prometheus:" + RAW)),
    ],
)
def test_the_key_is_found_in_each_place(name: bytes, value: bytes) -> None:
    headers = [(b"host", b"localhost"), (name, value), (b"accept", b"*/*")]

    assert presented_key(headers) == PLAINTEXT


def test_the_header_of_its_own_goes_before_the_general_one() -> None:
    headers = [(b"authorization", b"Bearer other"), (b"x-api-key", RAW)]

    assert presented_key(headers) == PLAINTEXT


def test_the_first_of_two_counts() -> None:
    assert presented_key([(b"authorization", b"Bearer " + RAW), (b"authorization", b"Bearer x")]) == PLAINTEXT
    assert presented_key([(b"x-api-key", RAW), (b"x-api-key", b"other")]) == PLAINTEXT


@pytest.mark.parametrize(
    "headers",
    [[], [(b"host", b"localhost")], [(b"authorization", b"Digest " + RAW)], [(b"authorization", b"")]],
)
def test_who_presents_none_presents_none(headers: list[tuple[bytes, bytes]]) -> None:
    assert presented_key(headers) is None


@pytest.mark.parametrize(
    "value",
    [
        b"Basic !",
        b"Basic",
        b"Bearer",
        basic(RAW),
        b"Bearer " + RAW * 9,
        b"Basic " + b"A" * 10_000,
        b"Basic \xff\xfe",
    ],
)
def test_what_cannot_be_read_is_refused_as_malformed(value: bytes) -> None:
    presented = presented_key([(b"authorization", value)])

    assert KeyRing([KEY]).authenticate(presented, NOON) is Refusal.MALFORMED


junk = st.binary(max_size=200)
scheme = st.sampled_from([b"", b"Basic ", b"Bearer ", b"basic", b"\xff"])
names = st.sampled_from([b"x-api-key", b"authorization"]) | junk
values = st.builds(bytes.__add__, scheme, junk) | junk.map(basic)


@given(headers=st.lists(st.tuples(names, values), max_size=5))
def test_no_junk_raises_or_opens(headers: list[tuple[bytes, bytes]]) -> None:
    answer = KeyRing([KEY]).authenticate(presented_key(headers), NOON)

    assert isinstance(answer, Refusal)
