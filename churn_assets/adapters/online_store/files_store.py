"""Snapshots as folders below one root on one machine's disk; `pointer.json` names the one that is read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from churn_assets.adapters.files import only_one, write_atomically
from churn_assets.adapters.online_store.content import SnapshotContent
from churn_assets.adapters.online_store.data_files import (
    flush_folder,
    read_manifest,
    write_data,
    write_manifest,
)
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.files_snapshot import FilesSnapshot
from churn_assets.adapters.online_store.follower import Follower
from churn_assets.adapters.online_store.golden import Golden
from churn_assets.adapters.online_store.manifest import SnapshotManifest
from churn_assets.adapters.online_store.pointer import Pointer, outdated
from churn_assets.adapters.online_store.protocol import Prepared, Publication
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature

POINTER = "pointer.json"
_LOCK = ".lock"
_INCOMING = ".incoming-"


class FilesStore:
    """Readers of any number of processes need no lock: they follow the pointer, and what they have mapped stays.

    Args:
        root: the folder; made by the first publication.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._follower = Follower(self._pointer, self._manifest)

    def prepare(
        self,
        matrix: pl.DataFrame,
        features: Sequence[ContractFeature],
        *,
        month: Month,
        made_at: datetime,
        golden: Golden | None = None,
    ) -> Prepared:
        """Write a snapshot's folder, through to the disk, and leave the pointer as it is.

        Raises:
            OnlineStoreError: the ids are not unique.
            ModelError: a feature is missing, has another type, or is infinite.
            OSError: the disk is full, or not ours to write.
        """
        content = SnapshotContent.of(matrix, features)
        self.root.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.root))
        try:
            manifest = content.manifest(write_data(beside, content), month, made_at, golden)
            write_manifest(beside, manifest)
            self._settle(beside, manifest.snapshot_id)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return Prepared(manifest, content.size)

    def publish(self, prepared: Prepared) -> Publication:
        """Let the pointer name a prepared snapshot; an older month than the pointer's is discarded.

        Raises:
            OnlineStoreError: the prepared snapshot is gone, or the pointer is damaged.
        """
        manifest = prepared.manifest
        with self._locked():
            before = self._pointer()
            after = before.moved_to(manifest.snapshot_id)
            if after.current != manifest.snapshot_id:
                self._remove(manifest.snapshot_id, after)
            else:
                self._point(after)
                for name in outdated(self._written(), before, after, manifest.made_at):
                    self._remove(name, after)
        return Publication.of(prepared, after.current)

    def discard(self, prepared: Prepared) -> None:
        """Remove a prepared snapshot, unless the pointer names it."""
        with self._locked():
            self._remove(prepared.manifest.snapshot_id, self._pointer())

    def current(self) -> SnapshotManifest | None:
        """Return what the pointer names, or None; a look at one small file where nothing changed.

        Raises:
            OnlineStoreError: the pointer or the manifest is damaged.
        """
        return self._follower.current()

    def open(self, manifest: SnapshotManifest) -> FilesSnapshot:
        """Verify a snapshot's files and map them.

        Raises:
            OnlineStoreError: one is missing, torn or edited.
        """
        return FilesSnapshot.opened(self._folder(manifest.snapshot_id))

    def roll_back(self) -> SnapshotManifest:
        """Let the pointer name the former snapshot again.

        Raises:
            OnlineStoreError: there is none, or it is damaged.
        """
        with self._locked():
            after = self._pointer().turned_back()
            self._point(after)
            return self._manifest(after.current)

    def _settle(self, beside: Path, snapshot_id: str) -> None:
        """Give a written folder its name; where the same snapshot is there already and whole, it stays."""
        place = self._folder(snapshot_id)
        with self._locked():
            if place.exists():
                if _is_whole(place):
                    return
                shutil.rmtree(place)
            beside.rename(place)
            flush_folder(self.root)

    def _pointer(self) -> Pointer:
        try:
            text = (self.root / POINTER).read_text(encoding="utf-8")
        except FileNotFoundError:
            return Pointer()
        except (OSError, ValueError) as problem:
            raise OnlineStoreError(f"{POINTER} of the online store cannot be read ({problem})") from problem
        return Pointer.from_json(text, f"{POINTER} of the online store")

    def _manifest(self, snapshot_id: str) -> SnapshotManifest:
        return read_manifest(self._folder(snapshot_id))

    def _point(self, pointer: Pointer) -> None:
        """Move the pointer, if what it shall name is there."""
        self._manifest(pointer.current)
        path = self.root / POINTER
        write_atomically(path, pointer.to_json().encode())
        path.chmod(0o644)  # a server of another user reads it too
        flush_folder(self.root)

    def _written(self) -> dict[str, datetime]:
        """Return when each snapshot, whole or begun, was written."""
        written = {}
        for folder in self.root.iterdir():
            with suppress(FileNotFoundError):  # another process tidies up after its own preparation
                if folder.is_dir():
                    written[folder.name] = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        return written

    def _remove(self, name: str, pointer: Pointer) -> None:
        if name not in pointer.named and self._folder(name).exists():
            shutil.rmtree(self._folder(name))

    def _folder(self, snapshot_id: str) -> Path:
        return self.root / snapshot_id

    def _locked(self) -> AbstractContextManager[None]:
        """Keep other writers out of a folder that servers of other users may read."""
        self.root.mkdir(parents=True, exist_ok=True)
        return only_one(self.root / _LOCK)


def _is_whole(folder: Path) -> bool:
    try:
        FilesSnapshot.opened(folder)
    except OnlineStoreError:
        return False
    return True
