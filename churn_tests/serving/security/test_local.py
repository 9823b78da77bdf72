"""The key of this machine's own user: made once, and anew when it is of no use."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_serving.security.keys import ApiKey, KeyFile, Refusal, Scope
from churn_serving.security.local import local_key
from churn_tests.serving.security.made_keys import NOON, SCORE, bytes_of

FIRST_USE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from churn_serving.security.local import local_key

print(local_key(Path(sys.argv[1]), datetime(2025, 3, 1, 12, tzinfo=UTC)))
"""


def test_it_is_made_at_first_use_with_all_rights_and_stays_the_same(tmp_path: Path) -> None:
    first, second = local_key(tmp_path, NOON), local_key(tmp_path, NOON)

    assert first == second
    key = KeyFile.in_folder(tmp_path).load().authenticate(first, NOON)
    assert isinstance(key, ApiKey)
    assert (key.scopes, key.rate_per_second, key.expires_at) == (frozenset(Scope), 0, None)
    assert len(KeyFile.in_folder(tmp_path).load()) == 1


def test_its_plaintext_is_for_its_owner_alone(tmp_path: Path) -> None:
    plaintext = local_key(tmp_path, NOON)

    kept = tmp_path / "local.key"
    assert kept.read_text() == plaintext + "\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert plaintext.rpartition("_")[2] not in KeyFile.in_folder(tmp_path).path.read_text()


def revoke(folder: Path) -> None:
    file = KeyFile.in_folder(folder)
    file.revoke(file.all_keys()[0].id, NOON)


def lose(folder: Path) -> None:
    (folder / "local.key").unlink()


def spoil(folder: Path) -> None:
    (folder / "local.key").write_bytes(b"\xff\x00")


def expose(folder: Path) -> None:
    (folder / "local.key").chmod(0o644)


@pytest.mark.parametrize("harm", [revoke, lose, spoil, expose])
def test_one_of_no_use_is_made_anew_and_the_old_one_is_accepted_no_more(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    old = local_key(tmp_path, NOON)
    harm(tmp_path)

    new = local_key(tmp_path, NOON)

    ring = KeyFile.in_folder(tmp_path).load()
    assert new != old
    assert isinstance(ring.authenticate(new, NOON), ApiKey)
    assert ring.authenticate(old, NOON) is Refusal.REVOKED
    assert local_key(tmp_path, NOON) == new


def test_where_the_key_file_was_lost_it_is_made_anew(tmp_path: Path) -> None:
    old = local_key(tmp_path, NOON)
    KeyFile.in_folder(tmp_path).path.unlink()

    new = local_key(tmp_path, NOON)

    ring = KeyFile.in_folder(tmp_path).load()
    assert isinstance(ring.authenticate(new, NOON), ApiKey)
    assert ring.authenticate(old, NOON) is Refusal.UNKNOWN


def test_keys_of_others_are_left_alone(tmp_path: Path) -> None:
    other = KeyFile.in_folder(tmp_path).create("crm", SCORE, NOON, bytes_of("crm"))
    local_key(tmp_path, NOON)
    lose(tmp_path)

    local_key(tmp_path, datetime(2025, 4, 1, tzinfo=UTC))

    assert KeyFile.in_folder(tmp_path).load().authenticate(other.plaintext, NOON) == other.key


def test_processes_at_their_first_use_agree_on_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST_USE, str(tmp_path / "serving")]
    users = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    keys = {user.communicate(timeout=60)[0] for user in users}

    assert [user.returncode for user in users] == [0] * 4
    assert len(keys) == 1
