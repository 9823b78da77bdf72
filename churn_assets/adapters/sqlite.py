"""Embedded SQLite databases that are opened and closed for every event, without paying the disk for each.

Dagster's local storage opens a connection for each event and closes it again. The last close of a database in WAL
mode checkpoints it, and every commit waits for the disk: measured on this platform two thirds of a small month's time.
A second connection held open beside them makes no close the last one, and `synchronous = NORMAL` leaves the waiting to
the checkpoints. A killed process loses nothing by that; a power cut may lose the newest events and corrupts nothing
(SQLite's documentation of `PRAGMA synchronous`).
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine

HELD_AT_MOST = 8


@contextmanager
def patient_sqlite() -> Iterator[None]:
    """Hold the SQLite databases that SQLAlchemy opens within this context, and let commits not wait for the disk."""
    held: OrderedDict[str, sqlite3.Connection] = OrderedDict()

    def hold(connection: object, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if not path:
            return
        if path not in held:
            held[path] = sqlite3.connect(path, check_same_thread=False)
        # A connection takes part in the write-ahead log from its first read on after the log was switched on.
        held[path].execute("SELECT count(*) FROM sqlite_master").fetchone()
        if len(held) > HELD_AT_MOST:
            held.popitem(last=False)[1].close()

    event.listen(Engine, "connect", hold)
    try:
        yield
    finally:
        event.remove(Engine, "connect", hold)
        for connection in held.values():
            connection.close()
