"""Presence changes of many users over 30 days, generated inside the engine.

Part of `python -m benchmarks.past`. Each user changes so many times, once in each slice of the
time, at a random moment of it; every second change is a loss. They are stored as they would have
come: a day at a time, sorted, so that an insert makes one part of one partition; the open day an
hour at a time.
"""

from datetime import UTC, datetime, timedelta

from benchmarks.scene import progress
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.periods import DAY, HOUR

DAYS = 30
# Later than the changes are stored, at whatever hour that is.
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + DAY
START = TODAY - timedelta(days=DAYS)
OPENED = TODAY + timedelta(hours=12, minutes=45)
# When the questions are asked: nearly a quarter of an hour is not derived.
END = TODAY + timedelta(hours=12, minutes=59)
_MICROSECOND = timedelta(microseconds=1)
# `k` counts the changes of a user. What a user's changes share is computed once a user. The block
# of an insert has one row a change already: to look for repeats in it takes most of the time.
_CHANGES = """
INSERT INTO presence_history_raw (aor, version, status, reachable, cause, at, bindings, evidence,
    topic, partition, offset, published_at)
SELECT
    aor, k + 1, if(up, 'online', 'offline'), up,
    if(
        up, 'registered',
        ['expired', 'connection-closed', 'unregistered', 'node-lost'][1 + draw % 4]
    ),
    fromUnixTimestamp64Micro(micros, 'UTC') AS at,
    if(up, [(node, contact, 'tls', '192.0.2.7', port, 'internal', 'JsSIP 3.10.1', at, NULL, NULL,
        false, false, NULL)], []),
    [concat(boot, toString(k))],
    'rollcall.presence', toUInt32(number % 4), number * 1000 + k, at + toIntervalMillisecond(30)
FROM
(
    SELECT
        number, aor, node, contact, port, boot, k, k % 2 = 0 AS up, cityHash64(number, k) AS draw,
        toInt64({start} + (k + (draw % 1000003) / 1000003) * {slice}) AS micros
    FROM
    (
        SELECT
            number,
            concat('sip:', toString(1000000 + number), '@tenant', toString(number % 50), '.example')
                AS aor,
            concat('fs-', toString(number % 8)) AS node,
            concat('sip:', toString(number), '@192.0.2.7') AS contact,
            toUInt16(20000 + number % 40000) AS port,
            concat(node, '/boot-1/', toString(number), '-') AS boot
        FROM numbers({users})
    )
    ARRAY JOIN range(toUInt64({first}), toUInt64({last} + 1)) AS k
    WHERE micros >= {begin} AND micros < {end}
)
SETTINGS max_threads = 1, max_insert_threads = 1, optimize_on_insert = 0,
    min_insert_block_size_rows = 5000000, min_insert_block_size_bytes = 0
"""


def generate(database: Database, users: int, each: int) -> None:
    """Store `each` changes of every user."""
    # The present state, which no question here is about, would take as long as the history.
    database.command("DROP VIEW presence_to_current")
    slice_of_one = (END - START) / each / _MICROSECOND
    for begin, end in _periods():
        first, last = (int((at - START) / _MICROSECOND / slice_of_one) for at in (begin, end))
        sql = _CHANGES.format(
            users=users,
            start=_micros(START),
            slice=slice_of_one,
            first=first,
            last=min(last, each - 1),
            begin=_micros(begin),
            end=_micros(end),
        )
        database.command(sql)
        progress(f"generated until {end:%Y-%m-%d %H:%M}")


def aor_of(number: int) -> str:
    """The user of that number."""
    return f"sip:{1_000_000 + number}@tenant{number % 50}.example"


def _periods() -> list[tuple[datetime, datetime]]:
    days = [(START + number * DAY, START + (number + 1) * DAY) for number in range(DAYS)]
    hours, begin = [], TODAY
    while begin < END:
        hours.append((begin, min(begin + HOUR, END)))
        begin += HOUR
    return days + hours


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
