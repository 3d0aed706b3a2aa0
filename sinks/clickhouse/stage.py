"""`rollcall run clickhouse`: settings, connections and signals around the sink."""

import contextlib
from collections.abc import Callable

from runtime import logs
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.settings import load
from runtime.stage import Stage, StageStopped
from sinks.clickhouse.asking.connection import Questions
from sinks.clickhouse.asking.endpoint import Endpoint
from sinks.clickhouse.database import Database
from sinks.clickhouse.definitions import define
from sinks.clickhouse.derived.worker import Deriver
from sinks.clickhouse.forgetting import forget
from sinks.clickhouse.migration import load as load_migrations
from sinks.clickhouse.retry import retry
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.sink import NAME, Sink

_log = logs.get(__name__)


def _forget(settings: ClickHouseSettings) -> Callable[[str], dict[str, int]]:
    """Deletes a user's rows over connections of their own, so that storing goes on."""

    def do(aor: str) -> dict[str, int]:
        with Database(settings) as database:
            return forget(database, aor)

    return do


def run() -> None:
    """Store every topic's records until SIGTERM or SIGINT; what was read is written first.

    Waits for ClickHouse and Kafka however long they are unavailable. Raises BadSettings,
    StoreMisconfigured, KafkaMisconfigured, MigrationChanged, which no waiting cures.
    """
    kafka, settings = load(KafkaSettings), load(ClickHouseSettings)
    migrations = load_migrations()
    stage = Stage(NAME)
    stage.status = lambda: {"store": settings.place, "rows": {}, "next_offsets": {}}
    stage.start()
    try:
        database = retry(lambda: Database(settings), stage.stop, settings.retry_seconds)
    except StageStopped:
        return
    try:
        retry(lambda: define(database, settings, migrations), stage.stop, settings.retry_seconds)
        stage.wait_for_kafka(lambda: ensure_topics(kafka))
        sink = Sink(kafka, settings, database, stage.stop, stage.ready.set)
        stage.status = sink.status
        _log.info("storing", store=settings.place, database=settings.database)
        with contextlib.ExitStack() as stack:
            stack.callback(Deriver(settings).close)
            if settings.url is None:
                questions = stack.enter_context(Questions(settings))
                stack.callback(Endpoint(settings.folder, questions, _forget(settings)).close)
            sink.run()
    except StageStopped:
        return
    finally:
        stage.status = dict
        database.close()
