"""API keys as the service meets them: the watch that every replica keeps on the key file, and the door to the rest.

What a key is stands in `key_ring`, the file in `key_file`, where a request carries its key in `presented`.
"""

from __future__ import annotations

import logging

from churn_serving.security.key_file import KeyFile, KeyFileError, NoKeyFileError, Stamp, stamp_of
from churn_serving.security.key_ring import ApiKey, KeyRing, MadeKey, RandomBytes, Refusal, Scope
from churn_serving.security.presented import presented_key

__all__ = [
    "ApiKey",
    "KeyFile",
    "KeyFileError",
    "KeyRing",
    "KeyWatch",
    "MadeKey",
    "NoKeyFileError",
    "RandomBytes",
    "Refusal",
    "Scope",
    "presented_key",
]

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class KeyWatch:
    """The keys that are in force, read anew as soon as the file has changed.

    A file that vanished means that no key is accepted. Where a changed file cannot be read, the keys read last
    stay in force and `problem` says so: one wrong `chmod` must not stop the scoring, yet must be seen.

    Attributes:
        problem: what is wrong with the file, in words; None while all is well.
    """

    def __init__(self, file: KeyFile, every_seconds: float = 0.0) -> None:
        """Watch a file.

        Args:
            file: where the keys are; it need not exist.
            every_seconds: looks at the file at most this often. 0 looks at each request, which costs microseconds
                on a local disk and lets a new key work and a revoked one fail at once, in every replica.
        """
        self.problem: str | None = None
        self._file = file
        self._every_seconds = every_seconds
        self._ring = KeyRing()
        self._stamp: Stamp | None = None
        self._next_look = self._next_try = float("-inf")

    def ring(self, now: float) -> KeyRing:
        """Return the keys in force; `now` in seconds of a clock that never goes back (`time.monotonic`)."""
        if now >= self._next_look:
            self._next_look = now + self._every_seconds
            self._look(now)
        return self._ring

    def _look(self, now: float) -> None:
        try:
            stamp = stamp_of(self._file.path.stat())
        except (FileNotFoundError, NotADirectoryError):
            self._vanished()
        except OSError as error:
            self._keep(str(error))
        else:
            if stamp != self._stamp or (self.problem is not None and now >= self._next_try):
                self._reload(stamp, now)

    def _reload(self, stamp: Stamp, now: float) -> None:
        try:
            self._ring, self._stamp = self._file.load_stamped()
        except NoKeyFileError:
            self._vanished()
        except (KeyFileError, OSError) as error:
            self._stamp, self._next_try = stamp, now + _RETRY_SECONDS
            self._keep(str(error))
        else:
            self._say(None)

    def _vanished(self) -> None:
        self._ring, self._stamp = KeyRing(), None
        self._say(f"there is no key file {self._file.path}: no key is accepted")

    def _keep(self, why: str) -> None:
        self._say(f"{why}; the {len(self._ring)} keys read before stay in force, later changes do not count")

    def _say(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            _LOG.error("%s", problem)
        self.problem = problem
