"""`python -m benchmarks.past`: questions about the past of many users, timed on chDB and checked.

The changes are generated inside the engine (`past_changes`), and spans and counts are derived as by
the sink. The clock stands a minute before a quarter of an hour of the open day ends, so that nearly
a quarter is not derived. The answers are compared with a fold of the changes in Python. The last
line is one JSON object.
"""

import argparse
import bisect
import random
import tempfile
import time
from array import array
from datetime import datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

from benchmarks.figures import finish
from benchmarks.past_changes import DAYS, END, OPENED, START, TODAY, aor_of, generate
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


class Fold:
    """How many were reachable at a moment, of the changes as stored: who came less who was lost."""

    def __init__(self, database: Database) -> None:
        self._came, self._went = array("q"), array("q")
        at = "toUnixTimestamp64Micro(at)"
        for number in range(DAYS + 1):
            day = START + timedelta(days=number)
            ((came, went),) = database.query(
                f"SELECT arraySort(groupArrayIf({at}, reachable)),"
                f" arraySort(groupArrayIf({at}, NOT reachable))"
                f" FROM presence_history_raw WHERE toYYYYMMDD(at) = {day:%Y%m%d}"
            )
            self._came.extend(came)
            self._went.extend(went)

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


EVERY = {"node": "", "domain": "", "aor": ""}


def ask_moments(questions: Questions, fold: Fold, moments: int) -> tuple[dict[str, Any], int]:
    """Who was reachable at random moments: the times in ms, and how many answers were wrong."""
    chance, wrong = random.Random(1), 0
    count = f"SELECT count() FROM ({find('online-at').sql})"
    # Of ten moments one lies in what is derived of the open day, and one after it.
    ranges = {"today": (TODAY, OPENED), "now": (OPENED, END), "closed": (START, TODAY)}
    times: dict[str, list[float]] = {name: [] for name in ranges}
    for number in range(moments):
        name = {0: "today", 1: "now"}.get(number % 10, "closed")
        begin, end = ranges[name]
        at = begin + (end - begin) * chance.random()
        ms, ((found,),) = timed(questions, count, {**EVERY, "at": text(at)})
        times[name].append(ms)
        wrong += found != fold.reachable(at)
        if number % 100 == 99:
            progress(f"{number + 1} moments, {wrong} wrong, {median(times['closed']):.0f} ms")
    result: dict[str, Any] = {
        "moment_ms": round(median(times["closed"])),
        "moment_today_ms": round(median(times["today"])),
        "moment_now_ms": round(median(times["now"])),
        "moment_worst_ms": round(max(max(of_range) for of_range in times.values())),
    }
    return result, wrong


def ask_ranges(questions: Questions, fold: Fold) -> tuple[dict[str, Any], int]:
    """Concurrency by minute and losses by cause, of closed days and up to now; as `ask_moments`."""
    chance, wrong = random.Random(2), 0
    result: dict[str, Any] = {}
    day = TODAY - timedelta(days=7)
    ranges = {
        "day": (day, day + timedelta(days=1)),
        "today": (TODAY, END),
        "month": (START, TODAY),
        "month_to_now": (START, END),
    }
    for name, (begin, end) in ranges.items():
        asked = {**EVERY, "from": text(begin), "to": text(end)}
        concurrency, losses = [], []
        for _ in range(3):
            ms, rows = timed(questions, find("online-over-time").sql, asked)
            concurrency.append(ms)
            losses.append(timed(questions, find("losses-by-cause").sql, asked)[0])
        result[f"concurrency_{name}_ms"] = round(median(concurrency))
        result[f"losses_{name}_ms"] = round(median(losses))
        for minute, reachable, *_ in chance.sample(rows, 100):
            last = datetime.fromisoformat(minute) + timedelta(minutes=1, microseconds=-1)
            wrong += reachable != fold.reachable(last)
    return result, wrong


def ask_users(questions: Questions, users: int) -> dict[str, Any]:
    """The spans of a user in all the time: the time in ms."""
    chance = random.Random(3)
    of_user = "SELECT * FROM presence_spans WHERE aor = {aor:String} ORDER BY since"
    aors = [aor_of(chance.randrange(users)) for _ in range(20)]
    times = [timed(questions, of_user, {"aor": aor})[0] for aor in aors]
    return {"user_month_ms": round(median(times))}


def measure(questions: Questions, fold: Fold, users: int, moments: int) -> dict[str, Any]:
    """The times of the questions in ms, and how many answers were wrong."""
    of_users = ask_users(questions, users)
    of_ranges, wrong_ranges = ask_ranges(questions, fold)
    progress(f"{of_users | of_ranges}, {wrong_ranges} wrong")
    of_moments, wrong_moments = ask_moments(questions, fold, moments)
    return of_moments | of_ranges | of_users | {"wrong": wrong_ranges + wrong_moments}


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
            began = time.monotonic()
            generate(database, arguments.users, arguments.each)
            generated = time.monotonic() - began
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
                "generate_seconds": round(generated),
                "derived_days": days,
                "derive_day_seconds": round(derived / max(days, 1), 2),
                "peak_memory_gb": round(getrusage(RUSAGE_SELF).ru_maxrss / 2**20, 1),
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
