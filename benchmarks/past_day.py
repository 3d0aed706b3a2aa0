"""Disk that a day of users needs in ClickHouse: a realistic mix of rows, generated and measured.

Part of `python -m benchmarks.past`. Of each user in a day: a registration and its end by the
connection, an hourly refresh, a row of each five-minute listing, six calls with their legs' events
and changes of presence, and half of a call's record (a call has two users).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sinks.clickhouse import migration
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived import views
from sinks.clickhouse.derived.derivation import Derivation
from sinks.clickhouse.settings import ClickHouseSettings

DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
# What follows FROM: `u` is the user, `n` which of its rows, `draw` a random number.
_ROWS = """
FROM (
    SELECT
        number % {users} AS u, intDiv(number, {users}) AS n, cityHash64(number, {salt}) AS draw,
        concat('fs-', toString(u % 8)) AS on_node,
        concat('sip:', toString(1000000 + u), '@tenant', toString(u % 50), '.example') AS user,
        toDateTime64('{day}', 6, 'UTC')
            + toIntervalMicrosecond(toInt64((n + (draw % 1000003) / 1000003) * {step})) AS moment
    FROM numbers({count})
)
SETTINGS max_partitions_per_insert_block = 0, max_insert_threads = 1
"""
_EVENT = (
    "concat(on_node, '/3b1f2c9e-boot/', toString(draw % 100000000)), 'freeswitch', on_node,"
    " '3b1f2c9e-boot', draw % 100000000, moment, '{kind}', user,"
    " 'topic', toUInt32(u % 4), number_of, moment + toIntervalMillisecond(30)"
).replace("number_of", "toUInt64(u * 1000 + n)")
_EVENT_COLUMNS = (
    "id, source, node, boot, seq, at, kind, aor, topic, partition, offset, published_at"
)
_REGISTRATION = (
    "contact, binding, call_id, cseq, expires_at, transport, remote_ip, remote_port, registrar,"
    " user_agent",
    "concat('sip:', toString(u), '@198.51.', toString(u % 250), '.7:5060;transport=tls') AS uri,"
    " uri, hex(sipHash128(u)), toUInt32(n + 1), moment + toIntervalHour(1), 'tls',"
    " concat('198.51.', toString(u % 250), '.7'), toUInt16(20000 + u % 40000), 'internal',"
    " ['JsSIP 3.10.1', 'Yealink SIP-T46S 66.84.0.15', 'snomD785/10.1.54.13'][1 + u % 3]",
)
_CALL = (
    "leg, call, sip_call_id, direction, peer, state",
    "hex(sipHash128(u, intDiv(n, 3))), hex(sipHash128(u, intDiv(n, 3), 1)),"
    " hex(sipHash128(u, intDiv(n, 3), 2)), if(n % 2 = 0, 'incoming', 'outgoing'),"
    " toString(4930000000 + draw % 10000000), ['ringing', 'answered', 'answered'][1 + n % 3]",
)
# What: table, kind, rows a user, and its other columns with their values.
_EVENTS: dict[str, tuple[str, str, int, tuple[str, str]]] = {
    "registered": ("registrations_raw", "registered", 1, _REGISTRATION),
    "refreshes": ("registrations_raw", "refreshed", 24, _REGISTRATION),
    "listings": ("registrations_raw", "snapshot-row", 288, _REGISTRATION),
    "call events": ("calls_raw", "answered", 18, _CALL),
}
_PRESENCE = """
INSERT INTO presence_history_raw (aor, version, status, reachable, cause, at, bindings, calls,
    evidence, topic, partition, offset, published_at)
SELECT user, n + 1, if(n % 3 = 0, 'online', 'on-the-phone'), n % 20 != 19,
    ['call-ringing', 'call-answered', 'call-ended'][1 + n % 3], moment,
    [(on_node, concat('sip:', toString(u), '@198.51.', toString(u % 250), '.7:5060;transport=tls'),
        'tls', concat('198.51.', toString(u % 250), '.7'), toUInt16(20000 + u % 40000), 'internal',
        'JsSIP 3.10.1', toDateTime64('{day}', 6, 'UTC'), NULL, NULL, false, false, NULL)],
    if(n % 3 = 0, [], [(on_node, hex(sipHash128(u, n)), hex(sipHash128(u, n, 1)),
        hex(sipHash128(u, n, 2)), 'outgoing', toString(4930000000 + draw % 10000000), 'answered',
        moment, false)]),
    [concat(on_node, '/3b1f2c9e-boot/', toString(draw % 100000000))],
    'rollcall.presence', toUInt32(u % 4), u * 1000 + n, moment + toIntervalMillisecond(30)
"""
_CHANGES = 20


def day_on_disk(folder: Path, users: int) -> dict[str, Any]:
    """Bytes a row, rows a user and day, and GB that a million users need, by what they are."""
    found: dict[str, Any] = {}
    with Database(ClickHouseSettings(folder=folder)) as database:
        migration.migrate(database, migration.load())
        views.make(database)
        for salt, (what, (table, kind, rows, (columns, values))) in enumerate(_EVENTS.items()):
            before = _bytes(database, table)
            select = f"SELECT {_EVENT.format(kind=kind)}, {values}"
            insert = f"INSERT INTO {table} ({_EVENT_COLUMNS}, {columns}) {select}"
            database.command(insert + _from(users, rows, salt))
            database.command(f"OPTIMIZE TABLE {table} FINAL")
            found[what] = _figures(_bytes(database, table) - before, users, rows)
        database.command(_PRESENCE.format(day=_text()) + _from(users, _CHANGES, 9))
        late = datetime.now(UTC) + timedelta(minutes=2)
        Derivation(database, timedelta(days=400), lambda: late).run()
        for what, table in (
            ("presence changes", "presence_history_raw"),
            ("spans", "presence_days_raw"),
        ):
            database.command(f"OPTIMIZE TABLE {table} FINAL")
            found[what] = _figures(_bytes(database, table), users, _CHANGES)
    found["total_gb"] = round(sum(one["gb"] for one in found.values()), 2)
    return found


def _from(users: int, rows: int, salt: int) -> str:
    step = round(86_400e6 / rows)
    return _ROWS.format(users=users, count=users * rows, salt=salt, step=step, day=_text())


def _text() -> str:
    return f"{DAY:%Y-%m-%d %H:%M:%S}"


def _figures(size: int, users: int, rows: int) -> dict[str, float]:
    a_row = size / (users * rows)
    return {"rows": rows, "bytes": round(a_row, 1), "gb": round(a_row * rows * 1e6 / 1e9, 2)}


def _bytes(database: Database, table: str) -> int:
    ((size,),) = database.query(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active"
        f" AND database = currentDatabase() AND table = '{table}'"
    )
    return int(size)
