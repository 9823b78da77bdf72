"""Following the pointer: what is current, asked often and read anew only where the pointer moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.manifest import SnapshotManifest
from churn_assets.adapters.online_store.pointer import Pointer


@dataclass
class Follower:
    """Remembers the last manifest; the two functions read a store's pointer and the manifest of an id."""

    pointer: Callable[[], Pointer]
    manifest: Callable[[str], SnapshotManifest]
    _seen: SnapshotManifest | None = field(default=None, init=False)

    def current(self) -> SnapshotManifest | None:
        """Return the manifest that the pointer names, or None where it names none.

        Raises:
            OnlineStoreError: the pointer or the manifest is damaged or out of reach.
        """
        while (pointer := self.pointer()).current:
            if self._seen is not None and self._seen.snapshot_id == pointer.current:
                return self._seen
            try:
                self._seen = self.manifest(pointer.current)
            except OnlineStoreError:
                if self.pointer() == pointer:
                    raise
                # the pointer moved on meanwhile, and the snapshot that it named has been removed
        return None
