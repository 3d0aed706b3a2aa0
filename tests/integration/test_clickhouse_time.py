"""Time in the tables: rows of a version before are kept, old partitions go, delays can be asked."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.kafka import KafkaSettings
from schemas import topics
from schemas.vocabulary import RegistrationKind
from sinks.clickhouse import migration
from sinks.clickhouse.database import Database
from sinks.clickhouse.retention import keep
from sinks.clickhouse.rows import Delivery, Row
from sinks.clickhouse.tables import TABLES, Table, to_row
from tests import clickhouse_records as records
from tests.eventually import eventually
from tests.integration.clickhouse_support import feed, opened, running, settings

STORED = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.250"
BEFORE = 9  # migrations of the version without time in its tables
OLD = tuple(t for t in TABLES if t.name not in ("call_records", "dial_results"))  # came later
MAKERS = {
    "registrations": records.registration,
    "connections": records.connection,
    "calls": records.call,
    "nodes": records.node,
    "media": records.media,
    "speech": records.speech,
}
ORDERS = {
    **{table.name: "at, id" for table in OLD},
    **dict.fromkeys(("presence", "presence_history"), "aor, version"),
}
Shown = dict[str, tuple[list[str], list[Any]]]


def made(table: Table) -> list[Any]:
    """Records of three days, and of the clocks of nodes without a battery."""
    days = [datetime(2026, 3, day, 23, 59, tzinfo=UTC) for day in (4, 5, 6)]
    days += [datetime(1970, 1, 1, tzinfo=UTC), datetime(2150, 1, 1, tzinfo=UTC)]
    if table.name == "presence_history":
        return [records.presence(number, at=at) for number, at in enumerate(days, 1)]
    if table.name == "dead_letters":
        return [records.dead_letter(at=at, source=str(at)) for at in days]
    return [MAKERS[table.name](number, at=at) for number, at in enumerate(days)]


def as_before(row: Row | None) -> Any:
    """The columns of a row that a version before wrote."""
    columns = msgspec.to_builtins(row)
    del columns["published_at"]
    for added in ("correlation", "transfer", "ended_by"):
        columns.pop(added, None)
    return {**columns, "stored_at": STORED}


def store_as_before(database: Database) -> None:
    """Each record twice, in two blocks, as a version before stored them."""
    for table in OLD:
        old: list[Any] = [
            as_before(to_row(table, Delivery("t", 1, offset, records.value(record))))
            for offset, record in enumerate(made(table))
        ]
        for _ in range(2):
            database.insert(table.raw, old)


def shown(database: Database) -> Shown:
    """By view: its columns, and what they show."""
    found = {}
    for name, order in ORDERS.items():
        columns = [
            str(column)
            for (column,) in database.query(
                f"SELECT name FROM system.columns WHERE table = '{name}' ORDER BY position"
            )
        ]
        found[name] = columns, rows(database, name, columns, order)
    return found


def rows(database: Database, name: str, columns: list[str], order: str) -> list[Any]:
    return database.query(f"SELECT {', '.join(columns)} FROM {name} ORDER BY {order}")


@contextlib.contextmanager
def stored_before(folder: Path) -> Iterator[tuple[Database, Shown]]:
    with contextlib.closing(Database(settings(folder))) as database:
        migration.migrate(database, migration.load()[:BEFORE])
        store_as_before(database)
        yield database, shown(database)


def assert_equal(database: Database, before: Shown) -> None:
    for name, (columns, shown_before) in before.items():
        assert shown_before, name
        assert rows(database, name, columns, ORDERS[name]) == shown_before, name
    left = database.query(
        "SELECT name FROM system.tables WHERE database = 'rollcall'"
        " AND (name LIKE '%\\_old' OR name LIKE '%\\_new')"
    )
    assert left == []


def test_rows_of_the_version_before_are_kept(tmp_path: Path) -> None:
    with stored_before(tmp_path) as (database, before):
        migration.migrate(database, migration.load())
        assert_equal(database, before)
        keys = dict(
            database.query(
                "SELECT name, partition_key FROM system.tables WHERE engine LIKE '%Tree'"
            )
        )
        assert all(keys[table.raw] for table in TABLES)
        (history,) = [table for table in TABLES if table.name == "presence_history"]
        newer = to_row(history, Delivery("t", 1, 9, records.value(records.presence(99))))
        assert newer is not None
        database.insert(history.raw, [newer])
        assert database.query("SELECT version, offset FROM presence") == [(99, 9)]


@pytest.mark.parametrize("statements", [1, 2, 4, 5])
def test_a_migration_killed_half_way_is_finished(tmp_path: Path, statements: int) -> None:
    """After the first table is made, renamed, copied, and after the old one is dropped."""
    migrations = migration.load()
    with stored_before(tmp_path) as (database, before):
        for statement in migrations[BEFORE].statements[:statements]:
            migration.run(database, statement)
        # and a sink of the version before is still storing
        late = records.registration(99)
        row = to_row(TABLES[0], Delivery("t", 1, 99, records.value(late)))
        database.insert("registrations_raw", [as_before(row)])
        migration.migrate(database, migrations)
        assert database.query("SELECT count() FROM registrations WHERE offset = 99") == [(1,)]
        database.command(
            "ALTER TABLE registrations_raw DELETE WHERE offset = 99 SETTINGS mutations_sync = 1"
        )
        assert_equal(database, before)


def test_a_day_is_dropped_whole_when_its_time_is_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with opened(settings(tmp_path)) as database:
        for days in (0, 5, 8, 181):
            at = now - timedelta(days=days)
            for kind in (RegistrationKind.REGISTERED, RegistrationKind.REFRESHED):
                database.command(
                    "INSERT INTO registrations_raw (id, aor, kind, at, stored_at) VALUES"
                    f" ('{days}-{kind}', 'a', '{kind}', '{at:%Y-%m-%d %H:%M:%S}',"
                    f" '{at:%Y-%m-%d %H:%M:%S}')"
                )
        database.command("OPTIMIZE TABLE registrations_raw FINAL")
        kept = {name for (name,) in database.query("SELECT id FROM registrations")}
    assert kept == {
        *("0-registered", "0-refreshed", "5-registered", "5-refreshed", "8-registered"),
    }


def test_settings_decide_how_long_rows_are_kept(tmp_path: Path) -> None:
    chosen = settings(tmp_path, keep_refreshes_days=3, keep_events_days=30)
    with opened(chosen) as database:
        assert keep(database, settings(tmp_path)) == []  # as the tables are made
        changed = keep(database, chosen)
        assert set(changed) == {
            *("registrations_raw", "connections_raw", "calls_raw", "nodes_raw", "media_raw"),
            "speech_raw",
            "call_records_raw",
            "dial_results_raw",
        }
        assert keep(database, chosen) == []
        old = "now64(3) - INTERVAL 4 DAY"
        database.command(
            f"INSERT INTO registrations_raw (id, kind, at, stored_at) VALUES"
            f" ('1', 'refreshed', {old}, {old}), ('2', 'registered', {old}, {old})"
        )
        database.command("OPTIMIZE TABLE registrations_raw FINAL")
        assert database.query("SELECT id FROM registrations") == [("2",)]


def test_a_day_of_many_is_read_alone(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        database.command(
            "INSERT INTO connections_raw (id, at) SELECT toString(number),"
            " toDateTime64('2026-03-01 12:00:00', 6, 'UTC') + toIntervalDay(number % 30)"
            " FROM numbers(300)"
        )
        plan = database.query(
            "EXPLAIN ESTIMATE SELECT count() FROM connections"
            " WHERE at >= '2026-03-04 11:55:00' AND at < '2026-03-04 12:05:00'"
        )
        assert [(name, parts, rows) for _, name, parts, rows, _ in plan] == [
            ("connections_raw", 1, 10)
        ]


def test_the_time_of_publication_is_kafkas(kafka: KafkaSettings, tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    alice = "sip:alice@example.org"
    feed(
        kafka,
        [
            (topics.REGISTRATIONS, alice, records.registration()),
            (topics.PRESENCE, alice, records.presence()),
        ],
    )
    ended = datetime.now(UTC) + timedelta(milliseconds=1)
    chosen = settings(tmp_path)
    with opened(chosen) as database, running(kafka, chosen, database):
        asked = "SELECT published_at FROM registrations UNION ALL SELECT published_at FROM presence"
        eventually(lambda: len(database.query(asked)) == 2, 60, what="both rows")
        for (at,) in database.query(asked):
            assert began <= at.replace(tzinfo=UTC) <= ended
