"""The history of configurations: numbers grow, documents stay, and a roll-back finds what was served before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.adapters.home import PROJECT_ROOT
from churn_serving.configuration import Configuration, ConfigurationError, ServedModel
from churn_serving.history import ConfigurationHistory

CHALLENGER = ServedModel("2", "b" * 64)
PLAIN = Configuration("spring", ServedModel("1", "a" * 64))
TENTH = msgspec.structs.replace(PLAIN, challenger=CHALLENGER, challenger_share=0.1)
FIFTH = msgspec.structs.replace(PLAIN, challenger=CHALLENGER, challenger_share=0.2)
WRITER = """
import sys
from pathlib import Path
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.history import ConfigurationHistory

for _ in range(15):
    kept = ConfigurationHistory(Path(sys.argv[1])).keep(Configuration(sys.argv[2], ServedModel("1", "a" * 64)))
    print(kept.number)
"""


@pytest.fixture
def history(tmp_path: Path) -> ConfigurationHistory:
    return ConfigurationHistory(tmp_path / "configurations")


def documents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


def test_before_anything_is_asked_for_there_is_nothing(history: ConfigurationHistory) -> None:
    assert (history.wanted(), history.served(), history.before(), history.all()) == (None, None, None, [])


def test_a_kept_configuration_gets_the_next_number_and_is_wanted(history: ConfigurationHistory) -> None:
    first, second = history.keep(PLAIN), history.keep(TENTH)

    assert (first.number, second.number) == (1, 2)
    assert history.wanted() == second
    assert history.all() == [first, second]
    assert history.served() is None


def test_the_same_configuration_again_has_a_number_of_its_own(history: ConfigurationHistory) -> None:
    first, second = history.keep(PLAIN), history.keep(PLAIN)

    assert first.serves_as(second)
    assert (first.number, second.number) == (1, 2)


def test_an_older_one_may_be_wanted_again_and_the_next_number_is_new_all_the_same(
    history: ConfigurationHistory,
) -> None:
    first, _ = history.keep(PLAIN), history.keep(TENTH)

    history.want(first.number)

    assert history.wanted() == first
    assert history.keep(FIFTH).number == 3


def test_a_number_that_was_never_kept_cannot_be_wanted(history: ConfigurationHistory) -> None:
    kept = history.keep(PLAIN)

    with pytest.raises(ConfigurationError, match="no configuration 7"):
        history.want(7)
    assert history.wanted() == kept


def test_a_roll_back_leads_to_what_was_served_before_by_its_content(history: ConfigurationHistory) -> None:
    for configuration in (PLAIN, TENTH, TENTH):
        history.note_served(history.keep(configuration).number)

    before = history.before()

    assert history.served() == history.read(3)
    assert before is not None
    assert before.serves_as(PLAIN)


def test_what_was_asked_for_and_never_served_is_no_place_to_roll_back_to(
    history: ConfigurationHistory,
) -> None:
    history.note_served(history.keep(PLAIN).number)
    history.keep(FIFTH)
    history.note_served(history.keep(TENTH).number)

    before = history.before()

    assert before is not None
    assert before.serves_as(PLAIN)


def test_rolling_back_twice_is_rolling_forward(history: ConfigurationHistory) -> None:
    for configuration in (PLAIN, TENTH):
        history.note_served(history.keep(configuration).number)

    for expected in (PLAIN, TENTH, PLAIN):
        before = history.before()
        assert before is not None
        assert before.serves_as(expected)
        history.note_served(history.keep(before).number)


def test_the_first_that_served_has_nothing_before_it(history: ConfigurationHistory) -> None:
    history.note_served(history.keep(PLAIN).number)
    history.note_served(history.keep(PLAIN).number)

    assert history.before() is None


def test_nothing_may_be_wanted_again(history: ConfigurationHistory) -> None:
    history.keep(PLAIN)

    history.want(None)

    assert history.wanted() is None
    assert history.keep(TENTH).number == 2


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.tuples(st.sampled_from(["keep", "want", "serve"]), st.integers(1, 6)), max_size=8))
def test_numbers_grow_and_no_document_ever_changes(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("history")
    history = ConfigurationHistory(folder)
    known: dict[str, bytes] = {}
    for step, number in steps:
        if step == "keep":
            kept = history.keep([PLAIN, TENTH, FIFTH][number % 3])
            assert kept.number == len(known) + 1
        elif number <= len(known):
            (history.want if step == "want" else history.note_served)(number)
        found = documents(folder)
        assert found.items() >= known.items()
        known = found


def test_two_processes_that_write_at_once_share_the_numbers_out(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("spring", "summer")
    ]
    numbers = [[int(line) for line in writer.communicate(timeout=60)[0].split()] for writer in writers]

    history = ConfigurationHistory(tmp_path)
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 31))
    assert all(given == sorted(given) for given in numbers)
    assert {history.read(number).experiment for number in numbers[0]} == {"spring"}
    assert {history.read(number).experiment for number in numbers[1]} == {"summer"}
    wanted = history.wanted()
    assert wanted is not None
    assert wanted.number == 30
