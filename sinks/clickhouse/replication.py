"""Tables of one server → replicated tables of a cluster, with their rows; and a copy of all
definitions for a server that has joined.

A table T becomes T_single, a replicated T is made on all servers, takes T_single's partitions one
by one (hard links, not copies), and T_single is dropped. Each step is harmless a second time, so a
start after a crash goes on where it ended. Nothing may be stored meanwhile: see `definitions`.
"""

import re
from collections.abc import Callable

from runtime import logs
from sinks.clickhouse.database import Database
from sinks.clickhouse.definition_lock import NAME as LOCK
from sinks.clickhouse.derived.derivation import STAGING
from sinks.clickhouse.migration import Migration

_SINGLE = "_single"
_OBJECTS = (
    "SELECT name, engine, create_table_query FROM system.tables"
    " WHERE database = currentDatabase() ORDER BY name"
)
_NAMED = re.compile(r"\ACREATE (TABLE|VIEW|MATERIALIZED VIEW) \S+")
_VIEW = re.compile(r"\A(?:CREATE MATERIALIZED|DROP) VIEW (?:IF (?:NOT )?EXISTS )?(\w+)")
_log = logs.get(__name__)


def replicate(database: Database, migrations: list[Migration], before: Callable[[], None]) -> None:
    """Replicate what is not. `before` is called before a statement.

    Raises StoreUnavailable, StoreMisconfigured, and what `before` raises.
    """
    tables = {name: engine for name, engine, _ in _objects(database)}
    left = {name.removesuffix(_SINGLE) for name in tables if name.endswith(_SINGLE)}
    single = {name for name, engine in tables.items() if _is_single(name, engine)} - left
    fillers = materialized_views(migrations)
    for name in fillers if left or single else ():
        # They would go with the tables that they read, whose names change.
        before()
        database.define(f"DROP VIEW IF EXISTS {name}")
    for name in sorted(single):
        before()
        database.command(f"RENAME TABLE {name} TO {name}{_SINGLE}")
    for name in sorted(left | single):
        _move(database, name, before)
        _log.info("table replicated", table=name)
    _spread(database, before)
    for sql in fillers.values() if tables else ():
        before()
        database.define(sql)


def materialized_views(migrations: list[Migration]) -> dict[str, str]:
    """The statements that make them, as the migrations leave them."""
    found: dict[str, str] = {}
    for migration in migrations:
        for statement in migration.statements:
            if not (match := _VIEW.match(statement.sql)):
                continue
            if statement.sql.startswith("DROP"):
                found.pop(match[1], None)
            else:
                found[match[1]] = statement.sql
    return found


def _objects(database: Database) -> list[tuple[str, str, str]]:
    """Tables and views by name, engine and definition; without those of a moment."""
    return [
        (name, engine, sql)
        for name, engine, sql in database.query(_OBJECTS)
        if not name.startswith((STAGING, LOCK, ".inner"))
    ]


def _is_single(name: str, engine: str) -> bool:
    is_stored = engine.endswith("MergeTree") and not engine.startswith("Replicated")
    return is_stored and not name.endswith(_SINGLE)


def _move(database: Database, name: str, before: Callable[[], None]) -> None:
    old = f"{name}{_SINGLE}"
    ((sql,),) = database.query(
        "SELECT create_table_query FROM system.tables"
        f" WHERE database = currentDatabase() AND name = '{old}'"
    )
    before()
    database.define(_NAMED.sub(rf"CREATE \1 IF NOT EXISTS {name}", sql, count=1))
    parts = database.query(
        "SELECT DISTINCT partition_id FROM system.parts WHERE active"
        f" AND database = currentDatabase() AND table = '{old}' ORDER BY partition_id"
    )
    for (part,) in parts:
        before()
        database.command(f"ALTER TABLE {name} REPLACE PARTITION ID '{part}' FROM {old}")
    before()
    database.command(f"DROP TABLE {old} SYNC")


def _spread(database: Database, before: Callable[[], None]) -> None:
    """Make every table and view on the servers that do not have it yet."""
    for name, _, sql in _objects(database):
        before()
        database.define(_NAMED.sub(rf"CREATE \1 IF NOT EXISTS {name}", sql, count=1))
