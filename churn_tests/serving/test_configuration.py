"""What may be served: which documents are configurations, and which of two would be answered the same."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_serving.configuration import Configuration, ConfigurationError, ServedModel

CHAMPION, CHALLENGER = ServedModel("1", "a" * 64), ServedModel("2", "b" * 64)
TRIAL = Configuration(
    "spring",
    CHAMPION,
    CHALLENGER,
    0.1,
    shadow=True,
    number=3,
    made_at="2025-03-01T12:00:00+00:00",
    reason="a try",
)
PLAIN = TRIAL.plain()
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
models = st.builds(ServedModel, st.text(min_size=1, max_size=8), digests)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Any that can be served."""
    champion = draw(models)
    challenger = draw(st.none() | models.filter(lambda model: model.digest != champion.digest))
    trial = challenger is not None
    return Configuration(
        draw(st.text(max_size=20)),
        champion,
        challenger,
        draw(st.floats(0.0, 1.0)) if trial else 0.0,
        shadow=trial and draw(st.booleans()),
        number=draw(st.integers(0, 10**6)),
        reason=draw(st.text(max_size=20)),
    )


@settings(deadline=None, max_examples=60)
@given(configuration=configurations())
def test_a_document_is_read_as_it_was_written(configuration: Configuration) -> None:
    document = configuration.to_json()

    assert Configuration.from_json(document) == configuration
    assert Configuration.from_json(document).to_json() == document
    assert Configuration.from_plain(json.loads(document)) == configuration
    assert Configuration.from_plain(configuration.plain()) == configuration


def test_a_person_may_write_no_more_than_the_experiment_and_the_champion() -> None:
    written = {"experiment": "spring", "champion": {"version": "1", "digest": "a" * 64}}

    found = Configuration.from_json(json.dumps(written).encode())

    assert (found.challenger, found.challenger_share, found.shadow, found.number) == (None, 0.0, False, 0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"challenger_share": 1.5}, "challenger_share"),
        ({"challenger_share": -0.1}, "challenger_share"),
        ({"challenger_share": "0.1"}, "challenger_share"),
        ({"challenger": None}, "needs a challenger"),
        ({"challenger": None, "challenger_share": 0.0}, "needs a challenger"),
        ({"challenger": {"version": "9", "digest": "a" * 64}}, "the same model, version 1"),
        ({"champion": {"version": "1", "digest": "A" * 64}}, "champion"),
        ({"champion": {"version": "1", "digest": "a" * 63}}, "champion"),
        ({"champion": {"version": "", "digest": "a" * 64}}, "champion"),
        ({"champion": {"version": "1", "digest": "a" * 64, "alias": "champion"}}, "alias"),
        ({"champion": None}, "champion"),
        ({"shade": True}, "shade"),
        ({"shadow": 1}, "shadow"),
        ({"number": "3"}, "number"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_field(change: dict[str, object], named: str) -> None:
    document = PLAIN | change

    with pytest.raises(ConfigurationError, match=named):
        Configuration.from_plain(document)
    with pytest.raises(ConfigurationError, match=named):
        Configuration.from_json(json.dumps(document).encode())


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b'{"experiment": NaN}', b"\xff"])
def test_what_is_no_document_is_refused(document: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no configuration"):
        Configuration.from_json(document)


def test_the_number_the_date_and_the_reason_change_no_answer() -> None:
    again = msgspec.structs.replace(TRIAL, number=9, made_at="2026-01-01T00:00:00+00:00", reason="once more")

    assert again.serves_as(TRIAL)


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "summer"},
        {"champion": ServedModel("3", "c" * 64)},
        {"challenger": ServedModel("3", "c" * 64)},
        {"challenger_share": 0.2},
        {"shadow": False},
    ],
)
def test_all_else_changes_the_answers(change: dict[str, object]) -> None:
    assert not msgspec.structs.replace(TRIAL, **change).serves_as(TRIAL)
