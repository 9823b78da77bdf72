"""What is served: versions pinned by digest, the split, the shadow. One inert document, kept for ever."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ConfigurationError(ValueError):
    """A configuration that cannot be served; the sentence names the field and its mend."""


class ServedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registered version and the digest of its files: an alias can move, these bytes cannot."""

    version: str
    digest: str

    def __post_init__(self) -> None:
        if not self.version or not _DIGEST.fullmatch(self.digest):
            raise ValueError("a served model is a version and the 64 hexadecimal digits of its digest")


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One state of the service.

    Attributes:
        number: its place in the history, from 1; 0 before it is kept.
        experiment: name of the experiment that deals customers out to the arms.
        champion: the model that answers.
        challenger: the model under trial, or None.
        challenger_share: the share of customers whom the challenger answers, 0 to 1.
        shadow: whether the challenger scores the champion's customers as well, unseen.
        made_at: when it was asked for, UTC, ISO 8601.
        reason: why, for people.
    """

    experiment: str
    champion: ServedModel
    challenger: ServedModel | None = None
    challenger_share: float = 0.0
    shadow: bool = False
    number: int = 0
    made_at: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.challenger_share <= 1.0:
            raise ValueError(f"challenger_share is {self.challenger_share}: write a share from 0 to 1")
        if self.challenger is None and (self.challenger_share > 0.0 or self.shadow):
            raise ValueError(
                "a share or a shadow needs a challenger: name one, or take them back to 0 and false"
            )
        if self.challenger is not None and self.challenger.digest == self.champion.digest:
            raise ValueError(
                f"champion and challenger are the same model, version {self.champion.version}: name another"
            )

    def serves_as(self, other: Configuration) -> bool:
        """Tell whether another configuration would be answered the same."""
        return self.plain(whole=False) == other.plain(whole=False)

    def plain(self, *, whole: bool = True) -> dict[str, Any]:
        """Return it as plain values; without its place in the history unless it is asked for `whole`."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        if not whole:
            for name in ("number", "made_at", "reason"):
                del document[name]
        return document

    def to_json(self) -> bytes:
        """Return the canonical document."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1) + b"\n"

    @classmethod
    def from_plain(cls, document: object) -> Configuration:
        """Read plain values.

        Raises:
            ConfigurationError: they are no configuration.
        """
        try:
            return msgspec.convert(document, cls)
        except msgspec.ValidationError as problem:
            raise ConfigurationError(f"this is no configuration: {problem}") from None

    @classmethod
    def from_json(cls, document: bytes) -> Configuration:
        """Read a document that `to_json` wrote, or a person.

        Raises:
            ConfigurationError: it is no configuration.
        """
        try:
            return msgspec.json.decode(document, type=cls)
        except msgspec.DecodeError as problem:
            raise ConfigurationError(f"this is no configuration: {problem}") from None
