"""The truth lies apart, and the platform neither reads it nor imports the simulator."""

from __future__ import annotations

import json
import re
from pathlib import Path

import churn_assets
from churn_assets.simulator.worlds import WORLDS

PACKAGE = Path(churn_assets.__file__).parent
PLATFORM = [
    path for floor in ("domain", "learning", "adapters", "defs") for path in (PACKAGE / floor).rglob("*.py")
]


def test_no_floor_of_the_platform_names_the_truth_or_imports_the_simulator() -> None:
    told = re.compile(r"\.truth|oracle_p|churn_assets\.simulator|from churn_assets import simulator")

    assert PLATFORM
    assert [path for path in PLATFORM if told.search(path.read_text(encoding="utf-8"))] == []


def test_delivery_folders_hold_nothing_but_deliveries(clean_operator: Path) -> None:
    hidden = {path.name for path in clean_operator.iterdir() if path.name.startswith(".")}
    names = [path.name for path in clean_operator.glob("[!.]*/*")]

    assert hidden == {".truth"}
    assert names
    assert all(re.fullmatch(r"\d{4}-\d{2}\.parquet", name) for name in names)


def test_world_states_its_parameters_and_its_seed(clean_operator: Path) -> None:
    world = json.loads((clean_operator / ".truth" / "world.json").read_text(encoding="utf-8"))

    assert world["world"] == "A"
    assert world["seed"] == 3
    assert world["parameters"]["signal_strength"] == WORLDS["A"].signal_strength
    assert world["incidents"] == []


def test_months_without_incidents_have_empty_books(clean_operator: Path) -> None:
    books = sorted((clean_operator / ".truth").glob("????-??.json"))

    assert len(books) == 24
    assert all(json.loads(book.read_text(encoding="utf-8"))["injected"] == [] for book in books)
