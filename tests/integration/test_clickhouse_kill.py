"""kill -9 of the real sink process: no row lost, none doubled, whenever it comes."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.kafka import KafkaSettings
from schemas import topics
from tests import clickhouse_records as records
from tests.eventually import eventually
from tests.integration.clickhouse_support import Process, Record, feed, opened, settings

# What the process is made to do to itself at the worst moments.
DIE = "import os, signal\ndie = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
MOMENTS = {
    "rows stored, position not": (
        "from sinks.clickhouse.positions import Positions\nPositions.write = die\n"
    ),
    "position stored, nothing committed": (
        "from sinks.clickhouse.reader import Reader\nReader.commit = die\n"
    ),
    "one table stored, the next not": (
        "from sinks.clickhouse.database import Database\n"
        "insert, done = Database.insert, []\n"
        "def once(self, table, rows):\n"
        "    if done: die()\n"
        "    done.append(table)\n"
        "    insert(self, table, rows)\n"
        "Database.insert = once\n"
    ),
    "dead letters sent, position not": (
        "from runtime.dead_letters import DeadLetters\n"
        "send = DeadLetters.send\n"
        "DeadLetters.send = lambda self, letters: die(send(self, letters))\n"
    ),
}


def traffic(events: int) -> Iterator[Record]:
    """Registrations, a call each, two presences a user, one broken record in a hundred."""
    for number in range(events):
        record = records.registration(number)
        assert record.aor
        yield topics.REGISTRATIONS, record.aor, record
        yield topics.CALLS, record.aor, records.call(number, aor=record.aor)
        if number < 1_000:
            yield topics.PRESENCE, record.aor, records.presence(1, record.aor)
            yield topics.PRESENCE, record.aor, records.presence(2, record.aor)
        if number % 100 == 0:
            yield topics.REGISTRATIONS, record.aor, f"broken {number}".encode()


def expected(events: int) -> dict[str, int]:
    users = min(events, 1_000)
    return {
        "registrations": events,
        "calls": events,
        "presence_history": 2 * users,
        "presence": users,
        "dead_letters": len(range(0, events, 100)),
        "connections": 0,
        "nodes": 0,
        "media": 0,
        "speech": 0,
        "call_records": 0,
        "dial_results": 0,
    }


def finish(kafka: KafkaSettings, folder: Path, events: int) -> None:
    """Let an unharmed sink come to the end, and compare."""
    wanted = expected(events)
    with Process(kafka, settings(folder)) as process:
        eventually(lambda: process.status().get("rows") == wanted, 90, 0.2, what=str(wanted))
        assert process.terminate() == 0
    with opened(settings(folder)) as database:
        ((rows, ids),) = database.query("SELECT count(), uniqExact(id) FROM registrations")
        letters = database.query("SELECT count(), uniqExact(source) FROM dead_letters")
    assert rows == ids == events
    assert letters == [(wanted["dead_letters"], wanted["dead_letters"])]


def test_killed_at_random_moments(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Four kills, each while the sink is busy with what it has been fed."""
    chance = random.Random(3)
    events = list(traffic(8_000))
    fed = seen = caught_behind = 0
    for kill in range(1, 5):
        until = len(events) * kill // 4
        fed += feed(kafka, events[fed:until])
        with Process(kafka, settings(tmp_path, batch_rows=50)) as process:
            goal = seen + chance.randrange(50, 1_000)
            eventually(lambda: stored(process.status()) >= goal, 60, 0.02)  # noqa: B023 - asked at once
            process.kill()
        with opened(settings(tmp_path)) as database:
            seen = sum(
                database.query(f"SELECT count() FROM {name}")[0][0]
                for name in ("registrations", "calls", "presence_history")
            )
        caught_behind += seen < fed - fed // 100
    assert caught_behind >= 2, "the kills came too late to show anything"
    finish(kafka, tmp_path, 8_000)


def stored(status: dict[str, Any]) -> int:
    rows = status.get("rows", {})
    return sum(rows.get(name) or 0 for name in ("registrations", "calls", "presence_history"))


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_the_worst_moment(kafka: KafkaSettings, tmp_path: Path, moment: str) -> None:
    events = 1_500
    feed(kafka, traffic(events))
    with Process(kafka, settings(tmp_path), DIE + MOMENTS[moment]) as process:
        assert process.wait(60) == -signal.SIGKILL
    finish(kafka, tmp_path, events)
