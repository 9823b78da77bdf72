"""`churn key` as a person or a script meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.home import Home
from churn_assets.cli.__main__ import app
from churn_serving.security.keys import ApiKey, KeyFile, Refusal, Scope
from churn_tests.cli.test_command import churn
from churn_tests.serving.security.made_keys import NOON


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that does not exist yet."""
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def key(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["key", *arguments])


def created(*arguments: str) -> dict[str, object]:
    result = key("create", *arguments, "--json")
    assert result.exit_code == 0, result.output
    plain: dict[str, object] = json.loads(result.output)
    return plain


def contents(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_a_new_key_is_shown_once_and_kept_nowhere(here: Home) -> None:
    result = key("create", "crm")

    assert result.exit_code == 0, result.output
    plaintext = result.output.splitlines()[0]
    found = KeyFile.in_folder(here.serving).load().authenticate(plaintext, NOON)
    assert isinstance(found, ApiKey)
    assert (found.name, found.scopes, found.rate_per_second) == ("crm", frozenset({Scope.SCORE}), 0.0)
    secret = plaintext.rpartition("_")[2]
    assert secret not in contents(here.root)
    assert secret not in key("list").output + key("list", "--json").output


def test_a_key_gets_what_it_is_given(here: Home) -> None:
    made = created(
        "ops", "--scope", "score", "--scope", "observe", "--rate", "2.5", "--burst", "40", "--days", "30"
    )

    (listed,) = json.loads(key("list", "--json").output)
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert listed["scopes"] == ["observe", "score"]
    assert (listed["rate_per_second"], listed["burst"]) == (2.5, 40)
    assert listed["state"] == "active"
    (kept,) = KeyFile.in_folder(here.serving).all_keys()
    assert kept.expires_at is not None
    assert (kept.expires_at - kept.created_at).days == 30


@pytest.mark.parametrize(("rate", "burst"), [("5", 1000), ("2500.5", 2501), ("0", 0)])
def test_a_key_with_a_rate_may_send_one_full_batch(here: Home, rate: str, burst: int) -> None:
    assert here.root
    assert created("crm", "--rate", rate)["burst"] == burst


def test_a_revoked_key_is_refused_and_listed_as_such(here: Home) -> None:
    made = created("crm")

    assert key("revoke", str(made["id"])).exit_code == 0

    assert KeyFile.in_folder(here.serving).load().authenticate(str(made["key"]), NOON) is Refusal.REVOKED
    assert f"{made['id']}  crm: revoked" in key("list").output


def test_both_are_in_the_audit_log_without_the_secret(here: Home) -> None:
    made = created("crm", "--by", "anna")
    key("revoke", str(made["id"]), "--by", "bert")

    records = AuditLog(here.audit_log).records()
    assert [(record.actor, record.action, record.subject) for record in records] == [
        ("anna", "create key", f"key/{made['id']}"),
        ("bert", "revoke key", f"key/{made['id']}"),
    ]
    assert all(record.details["name"] == "crm" for record in records)
    assert str(made["key"]).rpartition("_")[2] not in here.audit_log.read_text()


def test_a_key_that_cannot_be_recorded_is_never_handed_out(here: Home) -> None:
    created("crm")
    with here.audit_log.open("ab") as trail:
        trail.write(b'{"torn')

    refused = churn(here.root, "key", "create", "web")

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "could not be recorded" in refused.stderr
    assert [one.revoked_at is None for one in KeyFile.in_folder(here.serving).all_keys()] == [True, False]


def test_an_empty_list_says_how_to_go_on(here: Home) -> None:
    assert "churn key create" in key("list").output
    assert json.loads(key("list", "--json").output) == []
    assert not here.serving.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "local"], "taken by this machine's own key"),
        (["create", " "], "printable"),
        (["create", "crm", "--rate", "-1"], "a key's rate is 0"),
        (["create", "crm", "--rate", "nan"], "a key's rate is 0"),
        (["create", "crm", "--burst", "5"], "--burst needs a --rate"),
        (["create", "crm", "--days", "0"], "--days"),
        (["create", "crm", "--scope", "all"], "--scope"),
        (["revoke", "nothing"], "no key has this id"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_no_key(
    here: Home, arguments: list[str], sentence: str
) -> None:
    refused = churn(here.root, "key", *arguments)

    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert KeyFile.in_folder(here.serving).all_keys() == ()


def test_a_file_open_to_others_is_named_with_its_mend(here: Home) -> None:
    created("crm")
    file = KeyFile.in_folder(here.serving).path
    file.chmod(0o644)

    refused = churn(here.root, "key", "list")

    assert refused.returncode == 2
    assert f"chmod 600 {file}" in refused.stderr
