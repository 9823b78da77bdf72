"""Whom a presented key belongs to, and why others are refused."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_serving.security.key_ring import ApiKey, KeyRing, Refusal, Scope, make_key
from churn_tests.serving.security.made_keys import NOON, SCORE, bytes_of, made

KEY, PLAINTEXT = made("crm")
SECRET = PLAINTEXT.rpartition("_")[2]
UNKNOWN = made("nobody").plaintext
WRONG = f"churn_{KEY.id}_{'0' * 64}"


def test_the_right_key_is_recognised() -> None:
    ring = KeyRing([made("web").key, KEY])

    assert ring.authenticate(PLAINTEXT, NOON) == KEY


@pytest.mark.parametrize(
    ("presented", "refusal"),
    [
        (None, Refusal.MISSING),
        ("", Refusal.MALFORMED),
        (SECRET, Refusal.MALFORMED),
        (PLAINTEXT + "0", Refusal.MALFORMED),
        (PLAINTEXT + "\n", Refusal.MALFORMED),
        (PLAINTEXT.upper(), Refusal.MALFORMED),
        (PLAINTEXT.replace("0", "\N{FULLWIDTH DIGIT ZERO}"), Refusal.MALFORMED),
        (UNKNOWN, Refusal.UNKNOWN),
        (WRONG, Refusal.WRONG),
    ],
)
def test_what_is_no_key_of_ours_is_refused(presented: str | None, refusal: Refusal) -> None:
    assert KeyRing([KEY]).authenticate(presented, NOON) is refusal


def test_a_key_ends_at_the_moment_it_expires() -> None:
    key, plaintext = made(expires_at=NOON + timedelta(days=1))
    ring = KeyRing([key])

    assert ring.authenticate(plaintext, NOON + timedelta(hours=23, minutes=59)) == key
    assert ring.authenticate(plaintext, NOON + timedelta(days=1)) is Refusal.EXPIRED


def test_a_revoked_key_is_refused_even_before_it_would_expire() -> None:
    revoked = replace(KEY, revoked_at=NOON, expires_at=NOON + timedelta(days=1))

    assert KeyRing([revoked]).authenticate(PLAINTEXT, NOON) is Refusal.REVOKED


def test_that_a_key_is_revoked_is_not_told_to_who_does_not_know_its_secret() -> None:
    assert KeyRing([replace(KEY, revoked_at=NOON)]).authenticate(WRONG, NOON) is Refusal.WRONG


@pytest.mark.parametrize("presented", [PLAINTEXT, WRONG, UNKNOWN])
def test_every_plaintext_costs_one_hash_and_one_comparison_in_constant_time(
    presented: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []
    hashed: list[bytes] = []
    compare, sha256 = hmac.compare_digest, hashlib.sha256

    def watched_compare(left: str, right: str) -> bool:
        compared.append((left, right))
        return compare(left, right)

    def watched_hash(content: bytes) -> Any:  # noqa: ANN401 - hashlib's own type has no public name
        hashed.append(content)
        return sha256(content)

    monkeypatch.setattr(hmac, "compare_digest", watched_compare)
    monkeypatch.setattr(hashlib, "sha256", watched_hash)

    KeyRing([KEY]).authenticate(presented, NOON)

    assert len(hashed) == len(compared) == 1
    assert [len(side) for side in compared[0]] == [64, 64]


@given(presented=st.text() | st.from_regex(r"churn_[0-9a-f]{12}_[0-9a-f]{64}", fullmatch=True))
def test_no_text_but_the_key_opens(presented: str) -> None:
    answer = KeyRing([KEY]).authenticate(presented, NOON)

    assert isinstance(answer, Refusal)


@given(
    place=st.integers(min_value=0, max_value=len(PLAINTEXT) - 1), other=st.characters(exclude_characters="\0")
)
def test_one_other_character_is_another_key(place: int, other: str) -> None:
    changed = PLAINTEXT[:place] + other + PLAINTEXT[place + 1 :]

    assert (KeyRing([KEY]).authenticate(changed, NOON) == KEY) == (changed == PLAINTEXT)


def test_only_the_hash_of_the_secret_is_kept_and_no_representation_shows_either() -> None:
    new = made("crm")

    assert new.key.digest == hashlib.sha256(SECRET.encode()).hexdigest()
    for shown in (repr(new), str(new), repr(new.key), repr(KeyRing([new.key])), f"{new}"):
        assert SECRET not in shown
        assert new.key.digest not in shown


def test_a_key_says_whose_it_is_and_what_it_may() -> None:
    key, plaintext = make_key("ops", set(Scope), NOON, bytes_of("ops"), rate_per_second=5, burst=9)

    assert plaintext.startswith(f"churn_{key.id}_")
    assert (key.name, key.scopes, key.rate_per_second, key.burst) == ("ops", frozenset(Scope), 5.0, 9)
    assert key.created_at == NOON


def with_field(**changed: Any) -> ApiKey:  # noqa: ANN401 - any wrong value
    return replace(KEY, **changed)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"id": "no id"}, "id is 12"),
        ({"digest": ""}, "64 hexadecimal"),
        ({"name": " "}, "printable"),
        ({"name": "line\nfeed"}, "printable"),
        ({"name": "x" * 65}, "1 to 64"),
        ({"scopes": frozenset()}, "without a scope"),
        ({"rate_per_second": -1.0}, "rate is 0"),
        ({"rate_per_second": float("nan")}, "rate is 0"),
        ({"rate_per_second": float("inf")}, "rate is 0"),
        ({"rate_per_second": 1.0, "burst": 0}, "burst of at least 1"),
        ({"created_at": datetime(2025, 3, 1)}, "time zone"),  # noqa: DTZ001 - the point
    ],
)
def test_a_field_that_makes_no_sense_is_named(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        with_field(**changed)


def test_a_key_that_would_be_expired_from_the_start_is_not_made() -> None:
    with pytest.raises(ValueError, match="expire after"):
        make_key("crm", SCORE, NOON, bytes_of("crm"), expires_at=NOON)


def test_one_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        KeyRing([KEY, KEY])
