"""Migrations and tables on the real engine: every column, every value, every record once."""

import contextlib
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas import golden
from schemas.vocabulary import CallState
from sinks.clickhouse import migration
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StoreUnavailable
from sinks.clickhouse.forgetting import forget
from sinks.clickhouse.positions import PositionRow
from sinks.clickhouse.rows import Delivery, Row
from sinks.clickhouse.tables import TABLES, VIEWS, Table, to_row
from tests import clickhouse_records as records
from tests.integration.clickhouse_support import ROOT, opened, settings


def table(name: str) -> Table:
    return next(t for t in TABLES if t.name == name)


def store(database: Database, name: str, *values: Any, offset: int = 0) -> None:
    chosen = table(name)
    rows = [
        to_row(chosen, Delivery("t", 0, offset + i, records.value(v))) for i, v in enumerate(values)
    ]
    database.insert(chosen.raw, [row for row in rows if row is not None])


def count(database: Database, name: str) -> int:
    return int(database.query(f"SELECT count() FROM {name}")[0][0])


def test_migrations_are_applied_once_and_recorded(tmp_path: Path) -> None:
    migrations = migration.load()
    with opened(settings(tmp_path)) as database:
        assert migration.migrate(database, migrations) == []
        recorded = database.query("SELECT number, name, checksum FROM migrations ORDER BY number")
    assert recorded == [
        (m.number, m.name, hashlib.sha256(m.text.encode()).hexdigest()) for m in migrations
    ]


def test_migrations_killed_half_way_are_finished(tmp_path: Path) -> None:
    migrations = migration.load()
    database = Database(settings(tmp_path))
    for made in migrations[:2]:  # applied, but not recorded
        for statement in made.statements:
            migration.run(database, statement)
    assert migration.migrate(database, migrations) == [m.number for m in migrations]
    database.close()


def test_presence_of_the_version_before_edges_is_kept(tmp_path: Path) -> None:
    migrations = migration.load()
    with contextlib.closing(Database(settings(tmp_path))) as database:
        migration.migrate(database, migrations[:4])
        database.command(
            "INSERT INTO presence_history_raw (aor, version, status, reachable, cause, bindings)"
            " VALUES ('sip:a@example.org', 1, 'online', true, 'registered', [('node-1',"
            " 'sip:a@192.0.2.7', 'tcp', '192.0.2.7', 5060, NULL, 'phone', now64(6))])"
        )
        migration.migrate(database, migrations)
        for view in ("presence_history", "presence"):
            asked = "b.node, b.remote_port, b.user_agent, b.edge, b.path, b.suspect"
            assert database.query(f"SELECT {asked} FROM {view} ARRAY JOIN bindings AS b") == [
                ("node-1", 5060, "phone", None, None, False)
            ]


def test_a_changed_migration_is_refused(tmp_path: Path) -> None:
    first, *rest = migration.load()
    with opened(settings(tmp_path)) as database:
        changed = replace(first, text=first.text + "\n-- changed")
        with pytest.raises(migration.MigrationChanged, match="0001_positions"):
            migration.migrate(database, [changed, *rest])


def test_an_added_migration_is_applied_alone(tmp_path: Path) -> None:
    migrations = migration.load()
    text = "ALTER TABLE nodes_raw ADD COLUMN IF NOT EXISTS note String;"
    added = migration.Migration(number=migrations[-1].number + 1, name="x", text=text)
    with opened(settings(tmp_path)) as database:
        assert migration.migrate(database, [*migrations, added]) == [added.number]
        # and an older version still starts on the newer database
        assert migration.migrate(database, migrations) == []


def columns(database: Database, name: str) -> set[tuple[str, str]]:
    return {
        (column, kind)
        for column, kind in database.query(
            "SELECT name, type FROM system.columns"
            " WHERE database = 'rollcall' AND table = {t:String}",
            {"t": name},
        )
    }


def test_rows_and_tables_have_the_same_columns(tmp_path: Path) -> None:
    written: dict[str, type[msgspec.Struct]] = {t.raw: t.row for t in TABLES}
    written["positions"] = PositionRow
    with opened(settings(tmp_path)) as database:
        for raw, row in written.items():
            names = {name for name, _ in columns(database, raw)}
            assert names == {*row.__struct_fields__, "stored_at"}, raw


def test_views_show_every_column_of_their_table(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        for view in VIEWS:
            assert columns(database, f"{view}_raw") <= columns(database, view), view


def test_values_are_read_as_they_were_written(tmp_path: Path) -> None:
    record = records.registration(5)
    call = records.call()
    with opened(settings(tmp_path)) as database:
        store(database, "registrations", record)
        store(database, "calls", call)
        store(database, "presence_history", records.presence())
        ((at, cookie, port, reason),) = database.query(
            "SELECT at, cookie, remote_port, reason FROM registrations WHERE aor = {aor:String}",
            {"aor": record.aor},
        )
        ((peer,),) = database.query("SELECT peer FROM calls")
        presence = database.query(
            "SELECT b.node, b.transport, b.remote_port, calls.state, evidence FROM presence"
            " ARRAY JOIN bindings AS b ORDER BY b.node"
        )
    assert (at.replace(tzinfo=UTC), cookie, port, reason) == (
        record.at,
        record.cookie,
        40001,
        None,
    )
    assert peer == call.peer
    evidence = ["node-1/boot-1/1", "node-1/boot-1/2"]
    assert presence == [
        ("node-1", "wss", 40001, ["answered"], evidence),
        ("node-2", None, None, ["answered"], evidence),
    ]


@pytest.mark.parametrize("chosen", TABLES, ids=lambda t: t.name)
def test_golden_examples_are_read_as_they_were_written(tmp_path: Path, chosen: Table) -> None:
    """Every plain field of every published example, as the view shows it."""
    examples = golden.examples(chosen.topic)
    assert examples
    with opened(settings(tmp_path)) as database:
        for offset, example in enumerate(examples):
            row = to_row(chosen, Delivery("t", 0, offset, example.text.encode()))
            assert row is not None
            database.insert(chosen.raw, [row])
            ((shown,),) = database.query(
                f"SELECT formatRow('JSONEachRow', *) FROM {chosen.name}"
                " WHERE offset = {offset:UInt64}",
                {"offset": offset},
            )
            if chosen.name in ("call_records", "dial_results"):  # they have the parts as one text
                assert json.loads(json.loads(shown)["record"]) == example.value, example.name
                continue
            assert json.loads(shown).items() >= _flat(example.value).items(), example.name


# Fields of a listing of connections that are not stored (docs/clickhouse.md).
_NOT_STORED = ("parts", "part", "hosts", "connections")
_TIMES = (
    *("at", "table_at", "expires_at", "expired_due", "since", "created_at", "last_packet_at"),
    *("started_at", "input_started_at", "result_at", "ended_at"),
)


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """A record's JSON with the columns of the tables."""
    flat: dict[str, Any] = {}
    for field, part in value.items():
        if field in _NOT_STORED:
            continue
        if field in ("remote", "local", "received"):
            flat |= {f"{field}_{key}": (part or {}).get(key) for key in ("ip", "port")}
        elif field == "remaining":
            flat |= {"remaining": part or [], "table_read": part is not None}
        elif field in _TIMES and part is not None:
            at = datetime.fromisoformat(part).astimezone(UTC)
            flat[field] = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        elif field in ("bindings", "calls", "streams"):
            flat[field] = [_flat(item) for item in part]
        else:
            flat[field] = "" if field == "aor" and part is None else part
    return flat


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", datetime(1, 1, 1, tzinfo=UTC)),
        ("at", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("at", datetime(2026, 1, 1)),
        ("seq", 2**64 - 1),
        ("cookie", 2**64 - 1),
        ("reason", "\0\x01\t\n\r\\N\\'\"`\u2028\ufffd\U0001f600"),
        ("user_agent", ""),
        ("contact", "x" * 100_000),
        ("aor", "sip:%0A@x' OR 1=1 --"),
    ],
)
def test_a_decodable_record_is_stored(tmp_path: Path, field: str, value: Any) -> None:
    """A row that the engine refuses would block all rows after it."""
    record = records.registration()
    setattr(record, field, value)
    with opened(settings(tmp_path)) as database:
        store(database, "registrations", record)
        ((stored,),) = database.query(f"SELECT {field} FROM registrations")
    if not isinstance(value, datetime):
        assert stored == value


def test_repeats_are_one_row_before_any_merge(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        database.command("SYSTEM STOP MERGES")
        for offset in (0, 100):
            store(database, "registrations", records.registration(1), offset=offset)
            store(database, "connections", records.connection(1), offset=offset)
            store(database, "calls", records.call(1), offset=offset)
            store(database, "nodes", records.node(1), offset=offset)
            store(database, "media", records.media(1), offset=offset)
            store(database, "speech", records.speech(1), offset=offset)
            store(database, "call_records", records.call_record(1), offset=offset)
            store(database, "dial_results", records.dial_result(), offset=offset)
            store(database, "presence_history", records.presence(1), offset=offset)
        assert {view: count(database, view) for view in VIEWS if view != "dead_letters"} == {
            "registrations": 1,
            "connections": 1,
            "calls": 1,
            "nodes": 1,
            "media": 1,
            "speech": 1,
            "call_records": 1,
            "dial_results": 1,
            "presence_history": 1,
            "presence": 1,
        }
        assert count(database, "registrations_raw") == 2


def test_repeats_of_one_batch_are_one_row_before_any_merge(tmp_path: Path) -> None:
    """Of more rows than a granule has, so that parts of it are read apart."""
    (table,) = [one for one in TABLES if one.name == "presence_history"]
    rows = [
        to_row(table, Delivery("t", 0, number, records.value(records.presence(1 + number // 3))))
        for number in range(30_000)
    ]
    with opened(settings(tmp_path)) as database:
        database.command("SYSTEM STOP MERGES")
        database.insert(table.raw, [row for row in rows if row is not None])
        assert count(database, "presence_history_raw") == 30_000
        assert count(database, "presence_history") == 10_000
        assert database.query("SELECT version FROM presence") == [(10_000,)]


def test_a_call_is_its_last_record_and_what_was_merged_is_not_shown(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        ringing = records.call_record(1, state=CallState.RINGING, answered=None, ended=None)
        ended = records.call_record(1, version=3)
        part = records.call_record(2, version=2, merged_into="call-1")
        for offset, record in enumerate((records.call_record(2), ringing, ended, part, ringing)):
            store(database, "call_records", record, offset=offset)
        asked = (
            "id, version, state, users, mos, media_timed_out, JSONExtractString(record, 'cause')"
        )
        assert database.query(f"SELECT {asked} FROM call_records") == [
            (
                *("call-1", 3, "ended", ["sip:alice@example.org", "sip:bob@example.org"]),
                *(3.2, True, "NORMAL_CLEARING"),
            )
        ]


def test_dialled_calls_of_a_forgotten_user_are_deleted(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        for offset, user in enumerate(("sip:alice@example.org", None)):
            result = records.dial_result(f"order-{offset}", user=user)
            store(database, "dial_results", result, offset=offset)
        assert forget(database, "sip:alice@example.org")["dial_results"] == 1
        assert database.query("SELECT key FROM dial_results_raw") == [("order-1",)]


def test_heartbeats_are_kept_a_day_and_state_changes_longer(tmp_path: Path) -> None:
    old = "now64(3) - INTERVAL 2 DAY"
    with opened(settings(tmp_path)) as database:
        database.command(
            "INSERT INTO nodes_raw (id, kind, at, stored_at) VALUES"
            f" ('1', 'heartbeat', {old}, {old}), ('2', 'down', {old}, {old}),"
            " ('3', 'heartbeat', now64(6), now64(3))"
        )
        database.command("OPTIMIZE TABLE nodes_raw FINAL")
        assert database.query("SELECT id FROM nodes ORDER BY id") == [("2",), ("3",)]


def test_quality_is_kept_shorter_than_ends_of_calls(tmp_path: Path) -> None:
    old = "now64(3) - INTERVAL 31 DAY"
    with opened(settings(tmp_path)) as database:
        database.command(
            f"INSERT INTO media_raw (id, kind, stored_at) VALUES ('1', 'quality', {old}),"
            f" ('2', 'ended', {old}), ('3', 'quality', now64(3))"
        )
        database.command("OPTIMIZE TABLE media_raw FINAL")
        assert database.query("SELECT id FROM media ORDER BY id") == [("2",), ("3",)]


def test_streams_are_read_as_they_were_written(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        store(database, "media", records.media())
        found = database.query(
            "SELECT s.tag, s.packets, s.heard_mos, s.round_trip_ms, s.ssrc FROM media"
            " ARRAY JOIN streams AS s ORDER BY s.tag"
        )
    assert found == [("a1f0c2", 719, 4.1, 1.523, 2**32 - 1), ("b", 0, None, None, None)]


def test_marks_in_every_partition_are_one_row(tmp_path: Path) -> None:
    mark = records.registration(kind="snapshot-began", aor=None, snapshot="s")
    chosen = table("registrations")
    with opened(settings(tmp_path)) as database:
        rows: list[Row | None] = [
            to_row(chosen, Delivery("t", p, 9, records.value(mark))) for p in range(4)
        ]
        database.insert(chosen.raw, [row for row in rows if row is not None])
        assert count(database, "registrations") == 1


def test_current_presence_is_the_highest_version_in_any_order(tmp_path: Path) -> None:
    versions = [records.presence(v, reachable=v % 2 == 0) for v in (1, 3, 2)]
    with opened(settings(tmp_path)) as database:
        for record in versions:
            store(database, "presence_history", record)
        store(database, "presence_history", records.presence(1, "sip:bob@example.org"))
        current = database.query("SELECT aor, version, reachable FROM presence ORDER BY aor")
        assert current == [
            ("sip:alice@example.org", 3, False),
            ("sip:bob@example.org", 1, True),
        ]
        assert count(database, "presence_history") == 4


def test_dead_letters_show_their_text(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        store(database, "dead_letters", records.dead_letter())
        assert database.query("SELECT text, reason FROM dead_letters") == [('{"x', "not JSON")]


def test_a_second_process_cannot_open_the_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sinks.clickhouse.database import Database;"
        "from sinks.clickhouse.settings import ClickHouseSettings;"
        "Database(ClickHouseSettings(folder=Path(sys.argv[1])))"
    )
    with opened(settings(tmp_path)):
        second = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "StoreUnavailable" in second.stderr
    assert "another process" in second.stderr


def test_an_unreachable_server_is_store_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match=r"http://127\.0\.0\.1:9"):
        Database(settings(Path(), url="http://127.0.0.1:9"))
