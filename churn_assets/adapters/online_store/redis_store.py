"""Snapshots in Redis, where several machines serve: rows under a prefix of their own, the pointer moved last."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from redis.client import Pipeline
from redis.exceptions import WatchError

from churn_assets.adapters.online_store.content import ID_TYPE, Chunk, SnapshotContent
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.follower import Follower
from churn_assets.adapters.online_store.golden import Golden
from churn_assets.adapters.online_store.manifest import CUSTOMER_IDS, MEND, ROWS, SnapshotManifest
from churn_assets.adapters.online_store.pointer import Pointer, outdated
from churn_assets.adapters.online_store.protocol import Prepared, Publication
from churn_assets.adapters.online_store.redis_server import PREFIX, Keys, RedisServer
from churn_assets.adapters.online_store.redis_snapshot import RedisSnapshot
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature

READ_TIMEOUT_S = 0.05
ROWS_A_REQUEST = 4_096


class RedisStore:
    """Redis is trusted with the rows' bytes; what is verified here is that none is missing.

    Args:
        url: `redis://`, `rediss://` or `unix://`; a password in it is never shown.
        prefix: what all keys begin with.
        read_timeout_s: seconds that a look-up waits for a connection, and for each reply.
    """

    def __init__(self, url: str, *, prefix: str = PREFIX, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._server = RedisServer(url, read_timeout_s)
        self._where = f"the pointer in Redis at {self._server.name}"
        self._keys = Keys(prefix)
        self._writer, self._reader = self._server.writer(), self._server.reader()
        get = self._reader.get
        self._follower = Follower(lambda: self._pointer(get), lambda each: self._manifest(each, get))

    def prepare(
        self,
        matrix: pl.DataFrame,
        features: Sequence[ContractFeature],
        *,
        month: Month,
        made_at: datetime,
        golden: Golden | None = None,
    ) -> Prepared:
        """Send a snapshot's rows and then its manifest, and leave the pointer as it is.

        The rows are encoded twice: their keys begin with the snapshot's id, which is a digest of them all.

        Raises:
            OnlineStoreError: the ids are not unique, or Redis would evict, refuses or does not answer.
            ModelError: a feature is missing, has another type, or is infinite.
        """
        content = SnapshotContent.of(matrix, features)
        manifest = content.manifest(_digests(content), month, made_at, golden)
        with self._server.answering("a publication"):
            self._demand_no_eviction()
            self._writer.hset(self._keys.snapshots, manifest.snapshot_id, manifest.made_at.isoformat())
            for chunk in content.chunks(ROWS_A_REQUEST):
                self._send(manifest.snapshot_id, chunk)
            self._writer.set(self._keys.of(manifest.snapshot_id).manifest, manifest.to_json())
        return Prepared(manifest, content.size)

    def publish(self, prepared: Prepared) -> Publication:
        """Let the pointer name a prepared snapshot; an older month than the pointer's is discarded.

        Raises:
            OnlineStoreError: the prepared snapshot is gone, the pointer is damaged, or Redis does not answer.
        """
        manifest = prepared.manifest
        before, after = self._moved(lambda pointer: pointer.moved_to(manifest.snapshot_id))
        if after.current != manifest.snapshot_id:
            self._remove([manifest.snapshot_id], after)
        else:
            self._remove(outdated(self._begun(), before, after, manifest.made_at), after)
        return Publication.of(prepared, after.current)

    def discard(self, prepared: Prepared) -> None:
        """Remove a prepared snapshot, unless the pointer names it.

        Raises:
            OnlineStoreError: Redis does not answer.
        """
        self._remove([prepared.manifest.snapshot_id], self._pointer(self._writer.get))

    def current(self) -> SnapshotManifest | None:
        """Return what the pointer names, or None; one small request where nothing changed.

        Raises:
            OnlineStoreError: the pointer or the manifest is damaged, or Redis does not answer.
        """
        return self._follower.current()

    def open(self, manifest: SnapshotManifest) -> RedisSnapshot:
        """Return the snapshot's rows over a connection of its own, after a look at its manifest.

        Raises:
            OnlineStoreError: it is gone or edited, or Redis does not answer.
        """
        stored = self._manifest(manifest.snapshot_id, self._reader.get)
        keys = self._keys.of(manifest.snapshot_id)
        return RedisSnapshot(stored, self._server, keys, self._server.async_reader())

    def roll_back(self) -> SnapshotManifest:
        """Let the pointer name the former snapshot again.

        Raises:
            OnlineStoreError: there is none, it is damaged, or Redis does not answer.
        """
        _, after = self._moved(Pointer.turned_back)
        return self._manifest(after.current, self._writer.get)

    def _moved(self, rule: Callable[[Pointer], Pointer]) -> tuple[Pointer, Pointer]:
        """Move the pointer by a rule and return it before and after."""
        with self._server.answering("a publication"), self._writer.pipeline() as pipe:
            while True:
                with suppress(WatchError):  # another writer moved it meanwhile: look again
                    return self._move(pipe, rule)

    def _move(self, pipe: Pipeline, rule: Callable[[Pointer], Pointer]) -> tuple[Pointer, Pointer]:
        pipe.watch(self._keys.pointer)  # type: ignore[no-untyped-call]
        before = self._pointer(pipe.get)
        after = rule(before)
        self._manifest(after.current, pipe.get)
        pipe.multi()
        pipe.set(self._keys.pointer, after.to_json())
        pipe.execute()
        return before, after

    def _send(self, snapshot_id: str, chunk: Chunk) -> None:
        """Send some rows; their ids go first, so that what a kill leaves can be found and removed."""
        keys = self._keys.of(snapshot_id)
        rows = {keys.row(int(each)): row.tobytes() for each, row in zip(chunk.ids, chunk.rows, strict=True)}
        if not rows:
            return
        with self._writer.pipeline(transaction=False) as pipe:
            pipe.rpush(keys.customers, chunk.ids.tobytes())
            pipe.mset(rows)
            pipe.execute()

    def _remove(self, snapshot_ids: Iterable[str], pointer: Pointer) -> None:
        """Remove snapshots, some rows at a time; a kill on the way leaves what the next removal completes."""
        with self._server.answering("a removal"):
            for snapshot_id in set(snapshot_ids) - pointer.named:
                keys = self._keys.of(snapshot_id)
                self._writer.unlink(keys.manifest)
                while (piece := self._writer.lindex(keys.customers, -1)) is not None:
                    ids = np.frombuffer(_bytes(piece), dtype=ID_TYPE)
                    self._writer.unlink(*(keys.row(int(each)) for each in ids))
                    self._writer.rpop(keys.customers)
                self._writer.hdel(self._keys.snapshots, snapshot_id)

    def _begun(self) -> dict[str, datetime]:
        """Return when each snapshot, whole or begun, was written."""
        with self._server.answering("a removal"):
            begun: Any = self._writer.hgetall(self._keys.snapshots)
        return {name.decode(): datetime.fromisoformat(at.decode()) for name, at in begun.items()}

    def _pointer(self, get: Callable[[str], Any]) -> Pointer:
        with self._server.answering("reading the pointer"):
            text = get(self._keys.pointer)
        return Pointer() if text is None else Pointer.from_json(_text(text), self._where)

    def _manifest(self, snapshot_id: str, get: Callable[[str], Any]) -> SnapshotManifest:
        key = self._keys.of(snapshot_id).manifest
        with self._server.answering("reading a manifest"):
            text = get(key)
        if text is None:
            raise OnlineStoreError(f"{key} is missing in Redis at {self._server.name}: {MEND}")
        manifest = SnapshotManifest.from_json(_text(text), key)
        if manifest.snapshot_id != snapshot_id:
            raise OnlineStoreError(f"{key} is that of {manifest.snapshot_id}, or was edited: {MEND}")
        return manifest

    def _demand_no_eviction(self) -> None:
        """Raise where Redis may throw rows away: a customer without a row is a stranger to readers."""
        memory: Any = self._writer.info("memory")
        if memory.get("maxmemory", 0) and str(memory.get("maxmemory_policy", "")).startswith("allkeys"):
            raise OnlineStoreError(
                f"Redis at {self._server.name} evicts any key when its memory is full: "
                "set its maxmemory-policy to noeviction"
            )


def _digests(content: SnapshotContent) -> dict[str, str]:
    """Return the digests that the content's files would have, so that one content is one snapshot in any store."""
    hashes = {name: hashlib.sha256() for name in (CUSTOMER_IDS, ROWS)}
    content.pour({name: each.update for name, each in hashes.items()})
    return {name: each.hexdigest() for name, each in hashes.items()}


def _bytes(value: Any) -> bytes:  # noqa: ANN401  redis-py types every reply as what any protocol could give
    return bytes(value)


def _text(value: Any) -> str:  # noqa: ANN401
    return _bytes(value).decode("utf-8", errors="replace")
