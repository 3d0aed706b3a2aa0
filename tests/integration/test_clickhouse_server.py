"""The sink against a server by URL: the same tables, and what happens while it is away."""

from pathlib import Path

import pytest

from benchmarks.clickhouse_server import PASSWORD, Server, serving
from local.network import free_port
from runtime.kafka import KafkaSettings
from schemas import topics
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StoreMisconfigured
from sinks.clickhouse.settings import ClickHouseSettings
from tests import clickhouse_records as records
from tests.eventually import eventually
from tests.integration.clickhouse_support import Record, feed, opened, running, settings


def by_url(server: Server, folder: Path) -> ClickHouseSettings:
    return settings(folder, url=server.url, password=PASSWORD, retry_seconds=0.5)


def registrations(start: int, end: int) -> list[Record]:
    made = (records.registration(number) for number in range(start, end))
    return [(topics.REGISTRATIONS, record.aor or "", record) for record in made]


def presences(version: int) -> list[Record]:
    aors = [f"sip:user{user}@example.org" for user in range(100)]
    return [(topics.PRESENCE, aor, records.presence(version, aor)) for aor in aors]


def count(database: Database, name: str) -> int:
    return int(database.query(f"SELECT count() FROM {name}")[0][0])


def test_the_same_tables_on_a_server(kafka: KafkaSettings, tmp_path: Path) -> None:
    feed(kafka, [*registrations(0, 2_000), *presences(1), *presences(2)])
    with (
        serving(tmp_path) as server,
        opened(by_url(server, tmp_path)) as database,
        running(kafka, by_url(server, tmp_path), database) as sink,
    ):
        eventually(lambda: sink.sink.status()["rows"]["registrations"] == 2_000, 60)
        eventually(lambda: sink.sink.status()["rows"]["presence_history"] == 200, 60)
        assert sink.sink.status()["rows"]["presence"] == 100


def test_a_wrong_password_ends_the_stage(tmp_path: Path) -> None:
    with serving(tmp_path) as server, pytest.raises(StoreMisconfigured):
        Database(settings(tmp_path, url=server.url, password="guess"))


def test_nothing_is_lost_while_the_server_refuses(kafka: KafkaSettings, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        chosen = by_url(server, tmp_path)
        with opened(chosen) as database, running(kafka, chosen, database) as sink:
            feed(kafka, registrations(0, 500))
            eventually(lambda: count(database, "registrations") == 500, 60)
            server.refuse.set()
            feed(kafka, registrations(500, 5_000))
            eventually(lambda: server.refused >= 5, 60, what="several attempts")
            assert "241" in (sink.sink.status()["failure"] or "")
            # what waits is bounded, and the rest stays in Kafka
            assert sink.sink.status()["waiting_records"] <= 2_500
            server.refuse.clear()
            eventually(lambda: count(database, "registrations") == 5_000, 60)
            eventually(lambda: sink.sink.status()["failure"] is None, 10)


def test_nothing_is_lost_while_the_server_is_down(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Gone for a while, and a second member joins and leaves meanwhile."""
    port = free_port()
    with serving(tmp_path, port) as server:
        chosen = by_url(server, tmp_path)
        first_database, second_database = Database(chosen), Database(chosen)
        with opened(chosen):
            pass
    with running(kafka, chosen, first_database) as first:
        feed(kafka, registrations(0, 1_000))
        eventually(lambda: first.sink.status()["failure"], 60, what="the first try fails")
        with running(kafka, chosen, second_database) as second:
            eventually(lambda: second.sink.status()["failure"], 60, what="so does the second's")
            with serving(tmp_path, port) as again:
                feed(kafka, registrations(1_000, 3_000))
                with opened(by_url(again, tmp_path)) as database:
                    eventually(lambda: count(database, "registrations") == 3_000, 60)
                    second.finish()
                    feed(kafka, registrations(3_000, 4_000))
                    eventually(lambda: count(database, "registrations") == 4_000, 60)
                    first.finish()


def test_a_stop_while_the_server_is_down_is_prompt(kafka: KafkaSettings, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        chosen = by_url(server, tmp_path)
        with opened(chosen) as database:
            sink = running(kafka, chosen, database)
            with sink as started:
                eventually(started.assigned.is_set, 60)
                server.refuse.set()
                feed(kafka, registrations(0, 10))
                eventually(lambda: started.sink.status()["failure"], 60)
            server.refuse.clear()
            assert count(database, "registrations") == 0
            with running(kafka, chosen, database):
                eventually(lambda: count(database, "registrations") == 10, 60)
