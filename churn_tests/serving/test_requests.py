"""What a request may say, and how it is told what is wrong with it: the field by name, the value never."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.learning.contract import ContractFeature
from churn_serving.problems import Problem
from churn_serving.requests import GREATEST_ID, RequestSchema, overrides_of, values_of
from churn_tests.serving.catalogue_rows import CATALOGUE, Value, rows

CANARY = "CANARY"
SCHEMA = RequestSchema([CATALOGUE], batch_limit=3)
REQUIRED = {each.name: 0.0 for each in CATALOGUE if not each.nullable}
LOYALTY = ContractFeature("loyalty_tier", "category", ("gold", "silver"))
SCORE = ContractFeature("credit_score", "number", nullable=False)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def problem_with(body: bytes, schema: RequestSchema = SCHEMA, *, batch: bool = False) -> Problem:
    """Return the problem that a body has."""
    with pytest.raises(Problem) as found:
        (schema.batch if batch else schema.customer)(body)
    assert found.value.status == 422
    return found.value


@settings(deadline=None, max_examples=60)
@given(customer=rows())
def test_every_row_that_the_catalogue_allows_is_accepted_as_it_is(customer: dict[str, Value]) -> None:
    request = SCHEMA.customer(encoded({"customer_id": 7, "features": customer}))

    assert dict(zip(SCHEMA.names, values_of(request.features), strict=True)) == customer


def test_what_may_be_missing_may_be_left_out_or_null() -> None:
    left_out = SCHEMA.customer(encoded({"customer_id": 7, "features": REQUIRED}))
    null = SCHEMA.customer(encoded({"customer_id": 7, "features": dict.fromkeys(SCHEMA.names) | REQUIRED}))

    assert values_of(left_out.features) == values_of(null.features)


@pytest.mark.parametrize("name", REQUIRED)
def test_what_every_customer_has_must_be_there(name: str) -> None:
    without = {other: value for other, value in REQUIRED.items() if other != name}

    lacking = problem_with(encoded({"customer_id": 7, "features": without}))
    null = problem_with(encoded({"customer_id": 7, "features": REQUIRED | {name: None}}))

    assert (lacking.field, null.field) == (f"$.features.{name}", f"$.features.{name}")
    assert "missing" in lacking.detail


def test_features_of_the_catalogue_that_no_model_reads_are_known_and_never_demanded() -> None:
    schema = RequestSchema([CATALOGUE[:3]], batch_limit=3)
    few = {each.name: 1.0 for each in CATALOGUE[:3]}

    schema.customer(encoded({"customer_id": 7, "features": few}))
    schema.customer(encoded({"customer_id": 7, "features": REQUIRED | few}))

    assert set(schema.names) == set(SCHEMA.names)


def test_features_that_an_operator_declared_are_known_where_a_model_reads_them() -> None:
    schema = RequestSchema([CATALOGUE, (*CATALOGUE, LOYALTY, SCORE)], batch_limit=3)
    features = REQUIRED | {"loyalty_tier": "platinum", "credit_score": -3.5}

    request = schema.customer(encoded({"customer_id": 7, "features": features}))

    assert values_of(request.features)[-2:] == ("platinum", -3.5)
    assert problem_with(encoded({"customer_id": 7, "features": features})).field == "$.features"
    assert (
        problem_with(encoded({"customer_id": 7, "features": REQUIRED}), schema).field
        == "$.features.credit_score"
    )
    too_long = problem_with(
        encoded({"customer_id": 7, "features": features | {"loyalty_tier": "g" * 65}}), schema
    )
    assert too_long.field == "$.features.loyalty_tier"


def test_overrides_are_what_was_named_and_null_means_missing() -> None:
    request = SCHEMA.customer(
        encoded({"customer_id": 7, "overrides": {"tenure_days": None, "frequency": 3, "region": "islands"}})
    )

    assert overrides_of(request.overrides) == {"tenure_days": None, "frequency": 3.0, "region": "islands"}


def test_features_and_overrides_exclude_each_other() -> None:
    customer = {"customer_id": 7, "features": REQUIRED, "overrides": {}}

    assert problem_with(encoded(customer)).field == "$.overrides"
    batch = problem_with(encoded({"customers": [{"customer_id": 1}, customer]}), batch=True)
    assert batch.field == "$.customers[1].overrides"


@pytest.mark.parametrize(
    ("features", "field", "said"),
    [
        ({"tenure_days": -1}, "$.features.tenure_days", ">= 0"),
        ({"peak_hour_ratio": 1.01}, "$.features.peak_hour_ratio", "<= 1"),
        ({"monetary_total": 3.5e38}, "$.features.monetary_total", "<= 3.4e+38"),
        ({"tenure_days": CANARY}, "$.features.tenure_days", "float | null"),
        ({"tenure_days": [CANARY]}, "$.features.tenure_days", "got `array`"),
        ({"tenure_days": True}, "$.features.tenure_days", "got `bool`"),
        ({"frequency": None}, "$.features.frequency", "got `null`"),
        ({"region": CANARY}, "$.features.region", "north_west, north_east, centre, south, islands, or null"),
        ({"region": 3}, "$.features.region", "str"),
        ({CANARY: 1}, "$.features", "an unknown field"),
        ({"tenure_day": 1}, "$.features", "did you mean tenure_days?"),
    ],
)
def test_a_wrong_feature_is_named_with_what_is_expected(
    features: dict[str, object], field: str, said: str
) -> None:
    problem = problem_with(encoded({"customer_id": 7, "features": REQUIRED | features}))

    assert problem.field == field
    assert said in problem.detail
    assert CANARY not in problem.detail


@pytest.mark.parametrize(
    ("customer_id", "said"),
    [
        (0, ">= 1"),
        (-1, ">= 1"),
        (GREATEST_ID + 1, f"<= {GREATEST_ID}"),
        (10**30, f"<= {GREATEST_ID}"),
        (7.0, "got `float`"),
        ("7", "got `str`"),
        (None, "got `null`"),
        (True, "got `bool`"),
    ],
)
def test_a_customer_is_a_whole_number_that_an_operator_can_have_given(customer_id: object, said: str) -> None:
    problem = problem_with(encoded({"customer_id": customer_id}))

    assert problem.field == "$.customer_id"
    assert said in problem.detail


@pytest.mark.parametrize("customer_id", [1, GREATEST_ID])
def test_ids_reach_from_1_to_what_64_bits_hold(customer_id: int) -> None:
    assert SCHEMA.customer(encoded({"customer_id": customer_id})).customer_id == customer_id


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "$.customers"),
        ({"customers": []}, "$.customers"),
        ({"customers": [{"customer_id": 1}] * 4}, "$.customers"),
        ({"customers": [{"customer_id": 1}, {}]}, "$.customers[1].customer_id"),
        ({"customers": [{"customer_id": 1}], "threshold": 1.1}, "$.threshold"),
        ({"customers": [{"customer_id": 1}], "threshold": -0.1}, "$.threshold"),
        ({"customers": [{"customer_id": 1}], "treshold": 0.5}, "$"),
        ({"customers": {"customer_id": 1}}, "$.customers"),
    ],
)
def test_a_wrong_batch_is_told_its_place(document: object, field: str) -> None:
    assert problem_with(encoded(document), batch=True).field == field


def test_a_batch_keeps_its_order_and_a_customer_may_be_there_twice() -> None:
    batch = SCHEMA.batch(encoded({"customers": [{"customer_id": each} for each in (9, 1, 9)]}))

    assert [customer.customer_id for customer in batch.customers] == [9, 1, 9]
    assert batch.threshold is None


NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "torn": b'{"customer_id": 7',
    "more than one document": b'{"customer_id": 7} {}',
    "not a number": b'{"customer_id": 7, "features": {"tenure_days": NaN}}',
    "infinity": b'{"customer_id": 7, "features": {"tenure_days": Infinity}}',
    "minus infinity": b'{"customer_id": 7, "features": {"tenure_days": -Infinity}}',
    "a number beyond all": b'{"customer_id": 7, "features": {"tenure_days": 1e999}}',
    "a number of 5,000 digits": b'{"customer_id": ' + b"9" * 5_000 + b"}",
    "another number of 5,000 digits": b'{"customer_id": 7, "features": {"tenure_days": '
    + b"9" * 5_000
    + b"}}",
    "no UTF-8": b'{"customer_id": 7, "features": {"region": "\xff\xfe"}}',
    "no UTF-8 in a name": b'{"customer_id": 7, "\xff": 1}',
    "half a character": b'{"customer_id": 7, "features": {"region": "\\ud800"}}',
    "a byte order mark": b'\xef\xbb\xbf{"customer_id": 7}',
    "single quotes": b"{'customer_id': 7}",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00",
}
NESTED: dict[str, bytes] = {
    "arrays": b"[" * 60_000,
    "an unknown field": b'{"customer_id": 7, "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "the features": b'{"customer_id": 7, "features": ' + b'{"a":' * 12_000 + b"1" + b"}" * 12_000 + b"}",
    "a value": b'{"customer_id": 7, "features": {"region": ' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    "the customers": b'{"customers": ' + b"[" * 60_000,
}


@pytest.mark.parametrize("body", [*NO_JSON.values(), *NESTED.values()], ids=[*NO_JSON, *NESTED])
@pytest.mark.parametrize("batch", [False, True])
def test_what_is_no_json_or_deeper_than_any_request_is_refused(body: bytes, *, batch: bool) -> None:
    assert problem_with(body, batch=batch).detail


@pytest.mark.parametrize(
    "name",
    [
        f"x` - at `$.{CANARY}",
        f"x` - at `$.features.{CANARY}",
        f"x` - at `$.customers[0].{CANARY}",
        f"Object missing required field `{CANARY}`",
        f"{CANARY}\n` - at `$.{CANARY}",
        f"Expected `{CANARY}`",
    ],
)
def test_a_name_that_looks_like_a_message_of_the_decoder_is_not_repeated(name: str) -> None:
    for document in (
        {"customer_id": 7, name: 1},
        {name: 1},
        {"customer_id": 7, "features": {name: 1}},
        {"customer_id": 7, "overrides": {"region": name}},
    ):
        problem = problem_with(encoded(document))
        assert CANARY not in f"{problem.detail} {problem.field}"


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just(CANARY),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "customer_id",
                    "features",
                    "overrides",
                    "customers",
                    "threshold",
                    "region",
                    "tenure_days",
                    CANARY,
                ]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def answered(body: bytes, *, batch: bool) -> tuple[Any, Problem | None]:
    """Return what a body is read as, or its problem; anything else that is raised is a defect."""
    try:
        return (SCHEMA.batch if batch else SCHEMA.customer)(body), None
    except Problem as problem:
        return None, problem


@settings(deadline=None, max_examples=60)
@given(document=documents, batch=st.booleans())
def test_any_document_is_a_request_or_a_problem_that_repeats_nothing(
    document: object, *, batch: bool
) -> None:
    _, problem = answered(encoded(document), batch=batch)

    assert problem is None or CANARY.encode() not in problem.body("0" * 32)


@settings(deadline=None, max_examples=60)
@given(body=st.binary(max_size=80) | st.text(max_size=80).map(str.encode), batch=st.booleans())
def test_any_bytes_are_a_request_or_a_problem(body: bytes, *, batch: bool) -> None:
    _, problem = answered(body, batch=batch)

    assert problem is not None
    assert msgspec.json.decode(problem.body("0" * 32))["status"] == 422


def test_of_two_models_the_champions_bounds_hold() -> None:
    bounded = replace(SCORE, minimum=0.0)
    schema = RequestSchema([(*CATALOGUE, bounded), (*CATALOGUE, SCORE)], batch_limit=3)

    problem = problem_with(encoded({"customer_id": 7, "features": REQUIRED | {"credit_score": -1}}), schema)

    assert problem.field == "$.features.credit_score"
