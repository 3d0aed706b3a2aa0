"""Numbered migrations: each applied once, in order, and recorded with its checksum."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from runtime import logs
from sinks.clickhouse.database import Database

FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
# A statement ends with a semicolon at the end of a line.
_END = re.compile(r";[ \t]*(?:\n|$)")
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


@dataclass(frozen=True, kw_only=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        lines = (line for line in self.text.splitlines() if not line.lstrip().startswith("--"))
        parts = (part.strip() for part in _END.split("\n".join(lines)))
        return [part for part in parts if part]


def load(folder: Path = FOLDER) -> list[Migration]:
    """The folder's migrations by number. Raises ValueError on a bad name, a gap or a duplicate."""
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != number:
            raise ValueError(f"{path.name}: expected {number:04}_name.sql")
        migrations.append(Migration(number=number, name=path.stem, text=path.read_text("utf-8")))
    return migrations


def migrate(database: Database, migrations: list[Migration]) -> list[int]:
    """Apply the missing migrations; returns their numbers.

    A crash may leave one applied and unrecorded, and two sinks may start at once: every statement
    must be harmless a second time. Raises MigrationChanged, StoreUnavailable, StoreMisconfigured.
    """
    database.command(_RECORD)
    known = dict(database.query("SELECT number, checksum FROM migrations FINAL"))
    for migration in migrations:
        if known.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationChanged(
                f"migration {migration.name} differs from the one this database applied: "
                "restore the file and put the change into a new migration"
            )
    if newer := [number for number in known if number > len(migrations)]:
        _log.warning("database is newer than this version", migrations=newer)
    missing = [migration for migration in migrations if migration.number not in known]
    for migration in missing:
        _apply(database, migration)
    return [migration.number for migration in missing]


def _apply(database: Database, migration: Migration) -> None:
    for statement in migration.statements:
        database.command(statement)
    database.command(
        "INSERT INTO migrations (number, name, checksum) VALUES "
        f"({migration.number}, '{migration.name}', '{migration.checksum}')"
    )
    _log.info("migration applied", migration=migration.name)
