"""The challenger as the champion's replicas see it: somebody who may be slow, dead or wrong at any moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import numpy as np

from churn_assets.learning.inputs import Matrix

T = TypeVar("T")
_FAILURES = 3
_PROBE_EVERY_S = 0.5


class WrongModel(Exception):  # noqa: N818  it says what is wrong
    """A challenger's replica does not hold the model that it was asked for."""


class Away(Exception):  # noqa: N818  it says how the challenger is
    """The challenger gave no answer that can be used; the reason is one word for the counters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChallengerLink(Protocol):
    """How requests reach the challenger's replicas; anything may be raised."""

    async def score(self, digest: str, rows: Matrix) -> list[float]:
        """Return the probabilities that the model with this digest gives."""

    async def reasons(self, digest: str, rows: Matrix) -> list[list[str]]:
        """Return the reasons that the model with this digest gives."""

    async def readiness(self, digest: str, number: int) -> str:
        """Return `ready`, `loading`, or why the model of a configuration was refused."""


class Challenger:
    """Asks the challenger within a time limit, and stops asking while it is away.

    After a few failures in a row no customer waits for it any more; a probe in the background finds out when it is back.

    Args:
        link: to its replicas.
        timeout_s: for one question.
        on_change: told whether the challenger is away.
    """

    def __init__(
        self, link: ChallengerLink, timeout_s: float, on_change: Callable[[bool], object] = lambda _: None
    ) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._on_change = on_change
        self._failures = 0
        self._probe: asyncio.Task[None] | None = None
        self._question: tuple[str, Matrix] = ("", np.empty((0, 0), dtype=np.float32))

    @property
    def away(self) -> bool:
        """Whether nobody asks it at the moment."""
        return self._probe is not None

    async def score(self, digest: str, rows: Matrix) -> list[float]:
        """Return the challenger's probabilities.

        Raises:
            Away: it is away, late, has another model, or gave something that is no probability.
        """
        if self.away:
            self._question = (digest, np.zeros_like(rows[:1]))
            raise Away("away")
        try:
            found = await self._scores(digest, rows)
        except Away:
            self._failed(digest, rows)
            raise
        self._failures = 0
        return found

    async def reasons(self, digest: str, rows: Matrix, budget_s: float) -> list[list[str]]:
        """Return the challenger's reasons.

        Raises:
            Away: as `score`.
        """
        if self.away:
            raise Away("away")
        return await self._within(self._link.reasons(digest, rows), budget_s)

    async def readiness(self, digest: str, number: int) -> str:
        """Return the link's word; a challenger that does not answer is loading."""
        try:
            return await self._within(self._link.readiness(digest, number), 1.0)
        except Away:
            return "loading"

    async def _scores(self, digest: str, rows: Matrix) -> list[float]:
        found = await self._within(self._link.score(digest, rows))
        if len(found) != len(rows) or not all(0.0 <= probability <= 1.0 for probability in found):
            raise Away("wrong")
        return found

    async def _within(self, answer: Awaitable[T], timeout_s: float | None = None) -> T:
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await answer
        except TimeoutError:
            raise Away("late") from None
        except WrongModel:
            raise Away("other_model") from None
        except Exception:  # noqa: BLE001  whatever a dying process, a network or a library raises, the champion answers
            raise Away("failed") from None

    def _failed(self, digest: str, rows: Matrix) -> None:
        self._failures += 1
        if self._failures >= _FAILURES and self._probe is None:
            self._question = (digest, np.zeros_like(rows[:1]))
            self._probe = asyncio.get_running_loop().create_task(self._find_back())
            self._on_change(True)  # noqa: FBT003  told whether it is away

    async def _find_back(self) -> None:
        """Ask what customers would ask, with a row that is nobody's, until an answer comes; then let them ask again."""
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            with contextlib.suppress(Away):
                await self._scores(*self._question)
                break
        self._failures, self._probe = 0, None
        self._on_change(False)  # noqa: FBT003  likewise
