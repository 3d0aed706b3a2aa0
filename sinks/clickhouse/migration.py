"""Numbered migrations: each applied once, in order, and recorded with its checksum.

A statement after a line `-- for each: SELECT …` is run once for each row of that query's answer,
with its value for `{each}`: not at all where there is none, so that it can depend on what is there.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime import logs
from sinks.clickhouse.database import Database

FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
# A statement ends with a semicolon at the end of a line.
_END = re.compile(r";[ \t]*(?:\n|$)")
_EACH = "-- for each:"
_RECORD = """
CREATE TABLE IF NOT EXISTS migrations
(
    number     UInt32,
    name       String,
    checksum   String COMMENT 'SHA-256 of the file as applied',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree ORDER BY number
COMMENT 'Migrations applied to this database'
"""
_log = logs.get(__name__)


class MigrationChanged(Exception):
    """An applied migration's file has changed. Restore it and write a new one."""


@dataclass(frozen=True)
class Statement:
    """`each`: the query for whose rows it is run; None: it is run once."""

    sql: str
    each: str | None = None


@dataclass(frozen=True, kw_only=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[Statement]:
        lines = [line for line in self.text.splitlines() if not _is_comment(line)]
        parts = (part.strip() for part in _END.split("\n".join(lines)))
        return [_statement(part) for part in parts if part]


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("--") and not line.startswith(_EACH)


def _statement(part: str) -> Statement:
    if not part.startswith(_EACH):
        return Statement(part)
    each, _, sql = part.removeprefix(_EACH).partition("\n")
    return Statement(sql, each.strip())


def load(folder: Path = FOLDER) -> list[Migration]:
    """The folder's migrations by number. Raises ValueError on a bad name or a duplicate number.

    Numbers may be left out: changes made beside one another take theirs from ranges of their own.
    """
    migrations: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) in migrations:
            raise ValueError(f"{path.name}: expected NNNN_name.sql with a number of its own")
        number = int(match[1])
        migrations[number] = Migration(number=number, name=path.stem, text=path.read_text("utf-8"))
    return list(migrations.values())


def migrate(
    database: Database, migrations: list[Migration], before: Callable[[], None] = lambda: None
) -> list[int]:
    """Apply the missing migrations; returns their numbers. `before` is called before a statement.

    A crash may leave one applied and unrecorded: every statement must be harmless a second time.
    Raises MigrationChanged, StoreUnavailable, StoreMisconfigured, and what `before` raises.
    """
    database.define(_RECORD)
    known = dict(database.query("SELECT number, checksum FROM migrations FINAL"))
    for migration in migrations:
        if known.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationChanged(
                f"migration {migration.name} differs from the one this database applied: "
                "restore the file and put the change into a new migration"
            )
    if newer := sorted(known.keys() - {migration.number for migration in migrations}):
        _log.warning("database is newer than this version", migrations=newer)
    missing = [migration for migration in migrations if migration.number not in known]
    for migration in missing:
        _apply(database, migration, before)
    return [migration.number for migration in missing]


def run(
    database: Database, statement: Statement, before: Callable[[], None] = lambda: None
) -> None:
    """Run it as often as it asks for. Raises as `migrate`."""
    texts = [statement.sql]
    if statement.each is not None:
        rows = database.query(statement.each)
        texts = [statement.sql.replace("{each}", str(each)) for (each,) in rows]
    for text in texts:
        before()
        database.define(text)


def _apply(database: Database, migration: Migration, before: Callable[[], None]) -> None:
    for statement in migration.statements:
        run(database, statement, before)
    before()
    database.command(
        "INSERT INTO migrations (number, name, checksum) VALUES "
        f"({migration.number}, '{migration.name}', '{migration.checksum}')"
    )
    _log.info("migration applied", migration=migration.name)
