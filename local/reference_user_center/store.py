"""Stores the users' last states in SQLite or PostgreSQL; only a newer state replaces one."""

import threading
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Engine,
    MetaData,
    RowMapping,
    String,
    Table,
    create_engine,
    delete,
    event,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry

from local.reference_user_center.batch import Forgotten
from runtime.private_folders import make_private_folder
from schemas.presence import Presence
from schemas.times import rfc3339

_metadata = MetaData()
USERS = Table(
    "users",
    _metadata,
    Column("aor", String(512), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("status", String(32), nullable=False, index=True),
    Column("reachable", Boolean, nullable=False, index=True),
    Column("cause", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("bindings", JSON, nullable=False),
    Column("calls", JSON, nullable=False),
)


def _upsert(dialect: str) -> Any:
    """One statement that inserts a user, or updates it if the stored version is older."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(USERS)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[USERS.c.aor],
        set_={c.name: new[c.name] for c in USERS.c if c.name != "aor"},
        where=USERS.c.version < new.version,
    )


class Store:
    """The table of users. Thread-safe.

    Methods raise sqlalchemy's OperationalError while the database is unavailable.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        on_sqlite = parsed.get_backend_name() == "sqlite"
        if on_sqlite and parsed.database:
            make_private_folder(Path(parsed.database).parent)
        self._engine: Engine = create_engine(parsed, pool_pre_ping=not on_sqlite)
        if on_sqlite:
            event.listen(self._engine, "connect", _tune_sqlite)
        # SQLite has one writer at a time anyway; waiting here is fairer than its busy handler.
        self._writing = threading.Lock() if on_sqlite else nullcontext()
        self._upsert = _upsert(parsed.get_backend_name())
        _metadata.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def apply(self, changes: Iterable[Presence | Forgotten]) -> int:
        """Apply changes in one transaction, and return how many users changed.

        Older or equal versions have no effect. What forgets a user comes before what is newer.
        """
        newest: dict[str, Presence] = {}
        forgotten: set[str] = set()
        for change in changes:
            if isinstance(change, Forgotten):
                forgotten.add(change.aor)
                newest.pop(change.aor, None)
                continue
            known = newest.get(change.aor)
            if known is None or known.version < change.version:
                newest[change.aor] = change
        if not newest and not forgotten:
            return 0
        # Sorted: two transactions lock shared users in one order, so they cannot deadlock.
        rows = [_row(newest[aor]) for aor in sorted(newest)]
        with self._writing, self._engine.begin() as connection:
            applied = 0
            if forgotten:
                gone = delete(USERS).where(USERS.c.aor.in_(sorted(forgotten)))
                applied += connection.execute(gone).rowcount
            if rows:
                applied += connection.execute(self._upsert, rows).rowcount
            return int(applied)

    def user(self, aor: str) -> dict[str, Any] | None:
        """One user's state, None if unknown."""
        query = select(USERS).where(USERS.c.aor == aor)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _document(row)

    def users(
        self, *, status: str | None, reachable: bool | None, after: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """Users in the order of their AORs, from the one after `after` on."""
        query = select(USERS).order_by(USERS.c.aor).limit(limit)
        if status is not None:
            query = query.where(USERS.c.status == status)
        if reachable is not None:
            query = query.where(USERS.c.reachable == reachable)
        if after is not None:
            query = query.where(USERS.c.aor > after)
        with self._engine.connect() as connection:
            return [_document(row) for row in connection.execute(query).mappings()]


def _row(presence: Presence) -> dict[str, Any]:
    return {
        "aor": presence.aor,
        "version": presence.version,
        "status": presence.status.value,
        "reachable": presence.reachable,
        "cause": presence.cause.value,
        "at": presence.at.astimezone(UTC),
        "bindings": msgspec.to_builtins(presence.bindings),
        "calls": msgspec.to_builtins(presence.calls),
    }


def _document(row: RowMapping) -> dict[str, Any]:
    at: datetime = row["at"]
    # SQLite stores no zone; times are written in UTC.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return {**row, "at": rfc3339(at)}


def _tune_sqlite(connection: Any, entry: ConnectionPoolEntry) -> None:
    """Allow readers beside the writer; a committed change survives a power failure."""
    del entry
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
