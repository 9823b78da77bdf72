"""The pointer moves only forward, whatever is published in whatever order, and holds on to the snapshot before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.adapters.online_store import OnlineStoreError
from churn_assets.adapters.online_store.pointer import GRACE, Pointer, month_of, outdated
from churn_tests.adapters.online_store.months import MADE_AT

SNAPSHOTS = st.builds("2025-{:02d}-{}".format, st.integers(1, 12), st.sampled_from("abc"))


@given(published=st.lists(SNAPSHOTS, min_size=1))
def test_the_newest_month_is_read_and_of_that_the_latest_snapshot(published: list[str]) -> None:
    pointer = Pointer()
    for snapshot_id in published:
        before, pointer = pointer, pointer.moved_to(snapshot_id)
        assert pointer == before or pointer.previous == before.current

    newest = max(month_of(snapshot_id) for snapshot_id in published)
    assert pointer.current == [each for each in published if month_of(each) == newest][-1]
    assert Pointer.from_json(pointer.to_json(), "it") == pointer


@given(current=SNAPSHOTS, previous=SNAPSHOTS)
def test_turned_back_twice_it_is_as_before(current: str, previous: str) -> None:
    pointer = Pointer(current, previous)

    assert pointer.turned_back() == Pointer(previous, current)
    assert pointer.turned_back().turned_back() == pointer


@given(
    known=st.dictionaries(SNAPSHOTS, st.sampled_from([MADE_AT, MADE_AT - 2 * GRACE])),
    pointers=st.lists(SNAPSHOTS, min_size=3, max_size=3),
)
def test_what_the_pointer_names_never_goes_and_what_it_let_go_always(
    known: dict[str, object], pointers: list[str]
) -> None:
    before, after = Pointer(*pointers[:2]), Pointer(*pointers[1:])

    gone = set(outdated(known, before, after, MADE_AT))  # type: ignore[arg-type]

    assert not gone & after.named
    assert gone >= (before.named - after.named) & set(known)
    assert (
        gone - before.named == {each for each in known if known[each] != MADE_AT} - before.named - after.named
    )


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}x", '{"current": 1, "previous": ""}', '{"now": ""}', "null", "3"]
)
def test_a_damaged_pointer_is_an_error(text: str) -> None:
    with pytest.raises(OnlineStoreError, match="it is torn or edited"):
        Pointer.from_json(text, "it")
