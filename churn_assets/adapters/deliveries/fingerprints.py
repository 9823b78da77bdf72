"""By what a delivery is recognised: cheaply by its file's attributes, truly by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """What is remembered of a delivery that was read.

    Attributes:
        path: the file, relative to the delivery folder, or the name of the query.
        size: bytes of the file; rows of a query's answer.
        mtime_ns: when its content was last written, nanoseconds since 1970; 0 where nothing tells it cheaply.
        ctime_ns: when file or attributes last changed; nobody can set it back, as `cp -p` sets back the former.
        sha256: digest of the content.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str

    def to_json(self) -> str:
        """Return the stamp as JSON; `from_json` gives the same back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Stamp:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


class Fingerprint:
    """A delivery as it is now.

    Attributes:
        path: as in `Stamp`.
        size: as in `Stamp`.
        mtime_ns: as in `Stamp`.
        ctime_ns: as in `Stamp`.
    """

    def __init__(
        self, path: str, size: int, *, digest: Callable[[], str], mtime_ns: int = 0, ctime_ns: int = 0
    ) -> None:
        self.path = path
        self.size = size
        self.mtime_ns = mtime_ns
        self.ctime_ns = ctime_ns
        self._digest = digest

    @cached_property
    def sha256(self) -> str:
        """The content's digest; computed when first asked for, which reads all of it."""
        return self._digest()

    @property
    def stamp(self) -> Stamp:
        """What to remember; computes the digest."""
        return Stamp(self.path, self.size, self.mtime_ns, self.ctime_ns, self.sha256)

    def unchanged_since(self, stamp: Stamp) -> bool:
        """Say whether the content is that of the stamp.

        The file's attributes answer where they can: equal ones mean the same file, another size another content.
        Otherwise (copied, touched, or a source without attributes) the digests are compared.
        """
        if self.size != stamp.size:
            return False
        attributes = (self.path, self.mtime_ns, self.ctime_ns)
        if self.ctime_ns and attributes == (stamp.path, stamp.mtime_ns, stamp.ctime_ns):
            return True
        return self.sha256 == stamp.sha256


def file_fingerprint(path: Path, name: str) -> Fingerprint:
    """Return the fingerprint of a file that goes by a name.

    Raises:
        OSError: the file cannot be looked at.
    """
    attributes = path.stat()
    return Fingerprint(
        name,
        attributes.st_size,
        digest=lambda: file_digest(path),
        mtime_ns=attributes.st_mtime_ns,
        ctime_ns=attributes.st_ctime_ns,
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
