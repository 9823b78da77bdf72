"""The files of a snapshot's folder: written through to the disk, and verified before anything reads them."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from churn_assets.adapters.online_store.content import SnapshotContent
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.manifest import CUSTOMER_IDS, MEND, ROWS, SnapshotManifest

MANIFEST = "manifest.json"
_READ_ONLY = 0o444


class _HashedFile:
    """A file that is written from first to last; leaving it waits until the disk has it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _READ_ONLY)

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def write_data(folder: Path, content: SnapshotContent) -> dict[str, str]:
    """Write the ids and rows and return the sha256 of each file."""
    with ExitStack() as stack:
        files = {name: stack.enter_context(_HashedFile(folder / name)) for name in (CUSTOMER_IDS, ROWS)}
        content.pour({name: file.write for name, file in files.items()})
    return {name: file.hexdigest() for name, file in files.items()}


def write_manifest(folder: Path, manifest: SnapshotManifest) -> None:
    """Write the manifest and make the folder readable for servers of other users."""
    with _HashedFile(folder / MANIFEST) as file:
        file.write(manifest.to_json().encode())
    folder.chmod(0o755)
    flush_folder(folder)


def read_manifest(folder: Path) -> SnapshotManifest:
    """Return the manifest of a snapshot's folder, which is named by its id.

    Raises:
        OnlineStoreError: it is missing, torn, edited, or another snapshot's.
    """
    where = f"{folder.name}/{MANIFEST}"
    manifest = SnapshotManifest.from_json(_text(folder / MANIFEST, where), where)
    if manifest.snapshot_id != folder.name:
        raise OnlineStoreError(f"{where} is that of {manifest.snapshot_id}, or was edited: {MEND}")
    return manifest


def map_verified(folder: Path, manifest: SnapshotManifest, name: str) -> npt.NDArray[Any]:
    """Map a data file into memory, read-only, after its digest was compared.

    Raises:
        OnlineStoreError: it is missing, torn or edited.
    """
    path, where = folder / name, f"{folder.name}/{name}"
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != manifest.files[name]:
            raise OnlineStoreError(f"{where} is torn or edited, its digest is not the manifest's: {MEND}")
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, KeyError, ValueError) as problem:
        raise OnlineStoreError(f"{where} cannot be read ({problem}): {MEND}") from problem


def flush_folder(folder: Path) -> None:
    """Wait until the disk knows the folder's entries."""
    entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        raise OnlineStoreError(f"{where} cannot be read ({problem}): {MEND}") from problem
