"""Where the service keeps its state: below one home, and what code is asked for there."""

from __future__ import annotations

from pathlib import Path

from churn_assets.adapters.home import Home
from churn_serving.places import ServingPlaces


def test_all_that_the_service_keeps_lies_below_its_home(tmp_path: Path) -> None:
    places = ServingPlaces(Home(tmp_path))
    own = [
        value
        for name, kind in vars(ServingPlaces).items()
        if isinstance(kind, property) and isinstance(value := getattr(places, name), Path)
    ]

    assert len(set(own)) == len(own) >= 9
    assert all(path == places.root or path.is_relative_to(places.root) for path in own)
    assert places.model("0123456789abcdef" * 4) == Home(tmp_path).models / "0123456789abcdef"


def test_the_code_that_was_asked_for_last_is_wanted(tmp_path: Path) -> None:
    places = ServingPlaces(Home(tmp_path))
    assert places.wanted_code() == ""

    for digest in ("c0de", "c0d3"):
        places.want_code(digest)
        assert places.wanted_code() == digest
