"""`python -m benchmarks.past`: questions about the past of many users, timed on chDB and checked.

The changes are generated inside the engine: each user changes so many times over 30 days, at random
moments; every second change is a loss. The clock stands a minute before an hour of the open day
ends, so that nearly an hour is not derived. Spans and counts are derived as by the sink. The
answers are compared with a fold of the changes in Python. The last line is one JSON object.
"""

import argparse
import bisect
import random
import tempfile
import time
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import finish
from benchmarks.past_day import day_on_disk
from benchmarks.scene import progress
from operate.queries.catalogue import find
from sinks.clickhouse import migration
from sinks.clickhouse.asking.answer import read_answer
from sinks.clickhouse.asking.connection import Questions
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived import views
from sinks.clickhouse.derived.derivation import Derivation
from sinks.clickhouse.settings import ClickHouseSettings

DAYS = 30
# Later than the changes are stored, at whatever hour that is.
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
START = TODAY - timedelta(days=DAYS)
OPENED = TODAY + timedelta(hours=12)
END = TODAY + timedelta(hours=12, minutes=59)
# One change of every user; `k` counts them. Each lies in its own slice of the time.
_CHANGE = """
INSERT INTO presence_history_raw (aor, version, status, reachable, cause, at, bindings, evidence,
    topic, partition, offset, published_at)
SELECT
    concat('sip:', toString(1000000 + number), '@tenant', toString(number % 50), '.example') AS aor,
    {k} + 1, if(up, 'online', 'offline'), up,
    if(
        up, 'registered',
        ['expired', 'connection-closed', 'unregistered', 'node-lost'][1 + draw % 4]
    ),
    fromUnixTimestamp64Micro(toInt64({start} + ({k} + (draw % 1000003) / 1000003) * {slice}), 'UTC')
        AS at,
    if(up, [(concat('fs-', toString(number % 8)), concat('sip:', toString(number), '@192.0.2.7'),
        'tls', '192.0.2.7', toUInt16(20000 + number % 40000), 'internal', 'JsSIP 3.10.1', at, NULL,
        NULL, false, false, NULL)], []),
    [concat('fs-', toString(number % 8), '/boot-1/', toString(number * 100 + {k}))],
    'rollcall.presence', toUInt32(number % 4), number * 100 + {k}, at + toIntervalMillisecond(30)
FROM (SELECT number, cityHash64(number, {k}) AS draw, {k} % 2 = 0 AS up FROM numbers({users}))
SETTINGS max_partitions_per_insert_block = 0, max_insert_threads = 1
"""


def generate(database: Database, users: int, each: int) -> None:
    """Store `each` changes of every user."""
    span = (END - START) / timedelta(microseconds=1)
    for k in range(each):
        database.command(
            _CHANGE.format(k=k, users=users, start=int(START.timestamp() * 1e6), slice=span / each)
        )


class Fold:
    """How many were reachable at a moment, of the changes as stored."""

    def __init__(self, database: Database) -> None:
        self._came, self._went = array("q"), array("q")
        for day in range(DAYS + 1):
            begin = START + timedelta(days=day)
            rows = database.query(
                "SELECT toUnixTimestamp64Micro(at), reachable FROM presence_history_raw"
                f" WHERE toYYYYMMDD(at) = {begin:%Y%m%d} ORDER BY at"
            )
            for at, up in rows:
                (self._came if up else self._went).append(at)

    def reachable(self, at: datetime) -> int:
        micros = round(at.timestamp() * 1e6)
        return bisect.bisect_right(self._came, micros) - bisect.bisect_right(self._went, micros)


def timed(questions: Questions, sql: str, parameters: dict[str, Any]) -> tuple[float, list[Any]]:
    """Milliseconds, and the rows."""
    began = time.monotonic()
    answer = read_answer(questions.ask(sql, parameters))
    return (time.monotonic() - began) * 1000, answer.rows


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def measure(questions: Questions, fold: Fold, users: int, moments: int) -> dict[str, Any]:
    """The times of the questions in ms, and how many answers were wrong."""
    chance, wrong = random.Random(1), 0
    every = {"node": "", "domain": "", "aor": ""}
    count = f"SELECT count() FROM ({find('online-at').sql})"
    # Of ten moments one lies in the closed hours of the open day, and one in its last hour.
    ranges = {"today": (TODAY, OPENED), "this_hour": (OPENED, END), "closed": (START, TODAY)}
    times: dict[str, list[float]] = {name: [] for name in ranges}
    for number in range(moments):
        name = {0: "today", 1: "this_hour"}.get(number % 10, "closed")
        begin, end = ranges[name]
        at = begin + (end - begin) * chance.random()
        ms, ((found,),) = timed(questions, count, {**every, "at": text(at)})
        times[name].append(ms)
        wrong += found != fold.reachable(at)
    result: dict[str, Any] = {
        "moment_ms": round(median(times["closed"])),
        "moment_today_ms": round(median(times["today"])),
        "moment_this_hour_ms": round(median(times["this_hour"])),
        "moment_worst_ms": round(max(max(of_range) for of_range in times.values())),
    }
    day = TODAY - timedelta(days=7)
    spans = {
        "day": (day, day + timedelta(days=1)),
        "today": (TODAY, END),
        "month": (START, TODAY),
        "month_to_now": (START, END),
    }
    for name, (begin, end) in spans.items():
        asked = {**every, "from": text(begin), "to": text(end)}
        ms, rows = timed(questions, find("online-over-time").sql, asked)
        result[f"concurrency_{name}_ms"] = round(ms)
        for minute, reachable, *_ in chance.sample(rows, 100):
            last = datetime.fromisoformat(minute) + timedelta(minutes=1, microseconds=-1)
            wrong += reachable != fold.reachable(last)
        asked_thrice = [timed(questions, find("losses-by-cause").sql, asked)[0] for _ in range(3)]
        result[f"losses_{name}_ms"] = round(median(asked_thrice))
    months = []
    for _ in range(20):
        number = chance.randrange(users)
        aor = f"sip:{1_000_000 + number}@tenant{number % 50}.example"
        of_user = "SELECT * FROM presence_spans WHERE aor = {aor:String} ORDER BY since"
        ms, rows = timed(questions, of_user, {"aor": aor})
        months.append(ms)
    result["user_month_ms"] = round(median(months))
    return result | {"wrong": wrong}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=10, help="changes of each user in 30 days")
    parser.add_argument("--moments", type=int, default=100)
    parser.add_argument("--day-users", type=int, default=2_000, help="of the day on disk")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rollcall-past-") as folder:
        settings = ClickHouseSettings(folder=Path(folder) / "store")
        with Database(settings) as database, Questions(settings) as questions:
            migration.migrate(database, migration.load())
            views.make(database)
            progress("generating...")
            generate(database, arguments.users, arguments.each)
            progress("deriving...")
            began = time.monotonic()
            days = Derivation(database, timedelta(days=400), lambda: END).run()
            derived = time.monotonic() - began
            progress("folding...")
            fold = Fold(database)
            progress("asking...")
            result = measure(questions, fold, arguments.users, arguments.moments)
            result |= {
                "users": arguments.users,
                "changes": arguments.users * arguments.each,
                "derived_days": days,
                "derive_day_seconds": round(derived / max(days, 1), 2),
                "bytes_a_change": _bytes(database, "presence_history_raw"),
                "bytes_a_span": _bytes(database, "presence_days_raw"),
            }
        progress("measuring a day on disk...")
        result["day_on_disk"] = day_on_disk(Path(folder) / "day", arguments.day_users)
    finish(result)


def _bytes(database: Database, table: str) -> float:
    """On disk, a row."""
    ((size, rows),) = database.query(
        "SELECT sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active"
        f" AND database = currentDatabase() AND table = '{table}'"
    )
    return round(float(size) / max(int(rows), 1), 1)


if __name__ == "__main__":
    main()
