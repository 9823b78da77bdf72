"""Every configuration that was ever asked for, which of them is wanted, and which were seen to serve."""

from __future__ import annotations

from pathlib import Path

import msgspec

from churn_assets.adapters.files import only_one, write_atomically
from churn_serving.configuration import Configuration, ConfigurationError


class ConfigurationHistory:
    """A folder of numbered documents, never changed, and two small pointers: `wanted` and `served`.

    Args:
        folder: where.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, configuration: Configuration) -> Configuration:
        """Write a configuration behind the newest one, let it be wanted, and return it with its number."""
        with only_one(self._folder / ".lock"):
            number = max(self._numbers(), default=0) + 1
            kept = msgspec.structs.replace(configuration, number=number)
            write_atomically(self._path(number), kept.to_json())
            self._point("wanted", number)
            return kept

    def want(self, number: int | None) -> None:
        """Let a kept configuration be wanted again, or none."""
        with only_one(self._folder / ".lock"):
            if number is None:
                (self._folder / "wanted").unlink(missing_ok=True)
            else:
                self.read(number)
                self._point("wanted", number)

    def note_served(self, number: int) -> None:
        """Remember that all replicas served a configuration."""
        with only_one(self._folder / ".lock"):
            served = [*self._served(), number]
            write_atomically(self._folder / "served", msgspec.json.encode(served))

    def wanted(self) -> Configuration | None:
        """Return what should be served, or None where nothing was ever asked for."""
        try:
            number = int((self._folder / "wanted").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        return self.read(number)

    def served(self) -> Configuration | None:
        """Return the configuration that was served last."""
        numbers = self._served()
        return self.read(numbers[-1]) if numbers else None

    def before(self) -> Configuration | None:
        """Return what was served before the one served now, by its content: where a roll-back leads."""
        numbers = self._served()
        if not numbers:
            return None
        now = self.read(numbers[-1])
        former = (self.read(number) for number in reversed(numbers[:-1]))
        return next((each for each in former if not each.serves_as(now)), None)

    def all(self) -> list[Configuration]:
        """Return all, the oldest first."""
        return [self.read(number) for number in sorted(self._numbers())]

    def read(self, number: int) -> Configuration:
        """Return a kept configuration.

        Raises:
            ConfigurationError: there is none with this number.
        """
        try:
            return Configuration.from_json(self._path(number).read_bytes())
        except FileNotFoundError:
            raise ConfigurationError(f"there is no configuration {number} in {self._folder}") from None

    def _served(self) -> list[int]:
        try:
            return msgspec.json.decode((self._folder / "served").read_bytes(), type=list[int])
        except FileNotFoundError:
            return []

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("[0-9]*.json")]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"

    def _point(self, name: str, number: int) -> None:
        write_atomically(self._folder / name, str(number).encode())
