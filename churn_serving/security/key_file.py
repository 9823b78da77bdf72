"""The file that holds the API keys of an installation: made, listed and revoked by the command, read by the service.

Only hashes of the secrets are in it; still it is for its owner alone, because who can write it makes keys, and who
can read it knows the customers of the service.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from churn_assets.adapters.files import only_one, write_atomically
from churn_serving.security.key_ring import ApiKey, KeyRing, MadeKey, RandomBytes, Scope, make_key

Stamp = tuple[int, ...]
"""What changes whenever a file is replaced, written or given other rights: device, inode, size, mtime, ctime (ns)."""


class KeyFileError(ValueError):
    """The key file cannot be used; the sentence says why and how to mend it."""


class NoKeyFileError(KeyFileError):
    """There is no key file."""


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """The file's content."""

    format: Literal[1]
    keys: tuple[ApiKey, ...]


@dataclass(frozen=True)
class KeyFile:
    """The keys of an installation in one JSON file of mode 0600, replaced as a whole; writers take turns."""

    path: Path

    @classmethod
    def in_folder(cls, serving: Path) -> KeyFile:
        """Return the key file of a home's serving folder (`Home.serving`)."""
        return cls(serving / "api_keys.json")

    def load(self) -> KeyRing:
        """Read the keys.

        Raises:
            NoKeyFileError: there is no file.
            KeyFileError: others may read or write the file, or it is torn or no key file.
            OSError: it cannot be read.
        """
        return self.load_stamped()[0]

    def load_stamped(self) -> tuple[KeyRing, Stamp]:
        """Read the keys and the stamp of the very file that they were read from; raises like `load`."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            mend = "`churn key create NAME` makes one"
            raise NoKeyFileError(f"there is no key file {self.path}: {mend}") from None
        with os.fdopen(file, "rb") as content:
            status = os.fstat(content.fileno())
            self._refuse_if_open_to_others(status)
            return self._parsed(content.read()), stamp_of(status)

    def create(
        self,
        name: str,
        scopes: Collection[Scope],
        now: datetime,
        random: RandomBytes,
        *,
        rate_per_second: float = 0.0,
        burst: int = 0,
        expires_at: datetime | None = None,
    ) -> MadeKey:
        """Make a key, keep its hash, and return it with its plaintext, which is kept nowhere.

        Args:
            name: who it is for.
            scopes: what it may ask for.
            now: the moment, with a time zone.
            random: source of its id and secret.
            rate_per_second: customers a second in the long run; 0 is without limit.
            burst: customers at once.
            expires_at: from when on it is not accepted, with a time zone.

        Raises:
            ValueError: a field makes no sense, see `ApiKey`.
            KeyFileError: the file that is there cannot be used.
        """
        with only_one(self.path.with_name(self.path.name + ".lock")):
            ring = self._ring_or_empty()
            while True:
                made = make_key(
                    name,
                    scopes,
                    now,
                    random,
                    rate_per_second=rate_per_second,
                    burst=burst,
                    expires_at=expires_at,
                )
                if made.key.id not in ring:
                    break
            self._write((*ring, made.key))
        return made

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Let a key be accepted no more, from now on and for good; one that is revoked already stays as it is.

        Raises:
            KeyFileError: no key has this id, or the file cannot be used.
        """
        with only_one(self.path.with_name(self.path.name + ".lock")):
            keys = {key.id: key for key in self._ring_or_empty()}
            if key_id not in keys:
                raise KeyFileError("no key has this id: `churn key list` shows them")
            if keys[key_id].revoked_at is None:
                keys[key_id] = replace(keys[key_id], revoked_at=now)
                self._write(keys.values())
        return keys[key_id]

    def all_keys(self) -> tuple[ApiKey, ...]:
        """List all keys ever made, the oldest first; none where there is no file. Raises like `load` otherwise."""
        return tuple(self._ring_or_empty())

    def _ring_or_empty(self) -> KeyRing:
        try:
            return self.load()
        except NoKeyFileError:
            return KeyRing()

    def _refuse_if_open_to_others(self, status: os.stat_result) -> None:
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            raise KeyFileError(
                f"{self.path} has mode {mode:04o}, open to others than its owner: `chmod 600 {self.path}`"
            )

    def _parsed(self, content: bytes) -> KeyRing:
        try:
            return KeyRing(msgspec.json.decode(content, type=_Stored).keys)
        except ValueError as error:
            mend = "put a backup in its place, or remove it and make the keys anew"
            raise KeyFileError(f"{self.path} is torn or no key file ({error}): {mend}") from error

    def _write(self, keys: Iterable[ApiKey]) -> None:
        plain = msgspec.json.encode(_Stored(1, tuple(keys)), order="deterministic")
        # the new file has mode 0600 from its first byte: it is a temporary file until it takes the old one's place
        write_atomically(self.path, msgspec.json.format(plain) + b"\n")


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what a change of the file would change."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
