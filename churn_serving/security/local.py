"""The key of this machine's own user: made at first use, so that `churn score` works without any set-up.

Its plaintext lies in `local.key` (mode 0600) beside the key file, which holds the hash like that of any other key:
who can read the one could write the other.
"""

from __future__ import annotations

import os
import secrets
import stat
from datetime import datetime
from pathlib import Path

from churn_assets.adapters.files import only_one, write_atomically
from churn_serving.security.keys import ApiKey, KeyFile, KeyRing, RandomBytes, Scope

LOCAL_NAME = "local"
"""Name of the keys that are made here; the command gives it to no other."""
_SCOPES = frozenset(Scope)


def local_key(home_serving: Path, now: datetime, random: RandomBytes = secrets.token_bytes) -> str:
    """Return the plaintext of this machine's own key, with both scopes and without limit.

    It is made anew where it was lost, spoilt, revoked or open to others; the one before it is then revoked.

    Args:
        home_serving: the home's serving folder (`Home.serving`).
        now: the moment, with a time zone.
        random: source of a new key.

    Raises:
        KeyFileError: the key file cannot be used; the sentence says how to mend it.
    """
    file, beside = KeyFile.in_folder(home_serving), home_serving / "local.key"
    with only_one(home_serving / "local.key.lock"):  # two at their first use agree on one key
        keys = file.all_keys()
        kept = _kept(beside)
        if kept is not None and _is_good(kept, KeyRing(keys), now):
            return kept
        for key in keys:
            if key.name == LOCAL_NAME and key.revoked_at is None:
                file.revoke(key.id, now)
        _, plaintext = file.create(LOCAL_NAME, _SCOPES, now, random)
        write_atomically(beside, plaintext.encode("ascii") + b"\n")
    return plaintext


def _is_good(plaintext: str, ring: KeyRing, now: datetime) -> bool:
    key = ring.authenticate(plaintext, now)
    return isinstance(key, ApiKey) and key.scopes == _SCOPES and key.rate_per_second == 0


def _kept(path: Path) -> str | None:
    """Return the plaintext on the disk; None where there is none, or where others may have read it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as content:
        if stat.S_IMODE(os.fstat(content.fileno()).st_mode) & 0o077:
            return None
        return content.read().decode("latin-1").strip()
