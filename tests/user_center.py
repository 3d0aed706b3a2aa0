"""Parts for tests of the user center: records, a running sink, receivers good and bad."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import AnyHttpUrl, SecretStr
from standardwebhooks import Webhook
from starlette.types import ASGIApp

from local.reference_user_center.app import app
from local.reference_user_center.store import Store
from runtime.kafka import KafkaSettings
from runtime.stage import Stage
from schemas.cloudevents import headers
from schemas.codec import encode, validate
from schemas.dead_letter import DeadLetter
from schemas.presence import Presence, PresenceBinding
from schemas.topics import DEAD_LETTERS, PRESENCE
from schemas.vocabulary import Cause, Status, Transport
from sinks.user_center.reader import GROUP
from sinks.user_center.settings import UserCenterSettings
from sinks.user_center.stage import Sink

# What lists of the reference user center need.
READ_TOKEN = "a-token-for-lists-of-users"
READ_HEADERS = {"authorization": f"Bearer {READ_TOKEN}"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def presence(aor: str, version: int, *, status: Status | None = None) -> Presence:
    """Odd versions online, even ones offline, so that a wrong version shows in the status."""
    online = version % 2 == 1
    binding = PresenceBinding(
        node="node-1",
        contact="sip:alice@192.0.2.7:5060;transport=tcp",
        transport=Transport.TCP,
        since=AT,
    )
    return Presence(
        aor=aor,
        version=version,
        status=status or (Status.ONLINE if online else Status.OFFLINE),
        reachable=online,
        cause=Cause.REGISTERED if online else Cause.CONNECTION_CLOSED,
        at=AT + timedelta(seconds=version),
        bindings=[binding] if online else [],
        calls=[],
        evidence=[f"node-1/boot/{version}"],
    )


def event(record: Presence, **changes: Any) -> dict[str, Any]:
    """A CloudEvent as the sink sends it."""
    return {
        "specversion": "1.0",
        "id": f"{record.aor}/{record.version}",
        "source": "rollcall/streams",
        "type": PRESENCE.type,
        "data": json.loads(encode(record)),
        **changes,
    }


def signed(body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """The headers of a well-signed request."""
    at = at or datetime.now(tz=UTC)
    return {
        "content-type": "application/cloudevents-batch+json",
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


@cache
def _producer(bootstrap_servers: str) -> Producer:
    """One for all tests: a stream from a fresh producer each time would have long gaps."""
    return Producer(KafkaSettings(bootstrap_servers=bootstrap_servers).producer())


# -- Kafka ----------------------------------------------------------------------------------------
def publish(kafka: KafkaSettings, records: list[Presence] | list[tuple[str, bytes]]) -> None:
    """Write presence records (or key and raw bytes) as the streams do."""
    producer = _producer(kafka.bootstrap_servers)
    for record in records:
        if isinstance(record, Presence):
            key, value = record.aor, encode(record)
            ce = headers(
                PRESENCE,
                id=f"{record.aor}/{record.version}",
                source="rollcall/streams",
                subject=record.aor,
                time=record.at,
            )
        else:
            key, value = record
            ce = []
        producer.produce(kafka.name(PRESENCE), key=key.encode(), value=value, headers=ce)
        producer.poll(0)
    assert producer.flush(30) == 0


def dead_letters(kafka: KafkaSettings, count: int, timeout: float = 30.0) -> list[DeadLetter]:
    """The first `count` dead letters."""
    consumer = Consumer(kafka.consumer("test-dead-letters"))
    consumer.subscribe([kafka.name(DEAD_LETTERS)])
    try:
        found: list[DeadLetter] = []
        for _ in range(int(timeout / 0.5)):
            found += [
                validate(DeadLetter, m.value() or b"")
                for m in consumer.consume(100, 0.5)
                if not m.error()
            ]
            if len(found) >= count:
                break
        assert len(found) == count
        return found
    finally:
        consumer.close()


def lag(kafka: KafkaSettings) -> int:
    """Records of rollcall.presence the sink has not committed."""
    consumer = Consumer(kafka.consumer(GROUP))
    topic = kafka.name(PRESENCE)
    try:
        asked = [TopicPartition(topic, n) for n in range(kafka.partitions)]
        total = 0
        for at in consumer.committed(asked, timeout=10):
            low, high = consumer.get_watermark_offsets(at, timeout=10)
            total += high - (at.offset if at.offset >= 0 else low)
        return total
    finally:
        consumer.close()


# -- the sink -------------------------------------------------------------------------------------
def settings(url: str, **changes: Any) -> UserCenterSettings:
    """Short waits, so that a test of failures is over soon."""
    given: dict[str, Any] = {
        "timeout_seconds": 1.0,
        "backoff_min_seconds": 0.02,
        "backoff_max_seconds": 0.2,
        **changes,
    }
    return UserCenterSettings(url=AnyHttpUrl(url), secret=SecretStr(SECRET), **given)


@contextmanager
def running_sink(kafka: KafkaSettings, wanted: UserCenterSettings) -> Iterator[Sink]:
    """A sink at work in this process; its end must be clean."""
    stage = Stage("user-center")
    sink = Sink(wanted, kafka, stage)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            sink.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="sink")
    thread.start()
    try:
        yield sink
    finally:
        stage.stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert not failures


# -- receivers ------------------------------------------------------------------------------------
@contextmanager
def serving(application: ASGIApp) -> Iterator[str]:
    """An application over loopback HTTP: its base URL."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@contextmanager
def user_center(url_or_folder: str | Path, **bounds: int) -> Iterator[tuple[str, Store]]:
    """The reference user center in this process: its base URL and its store."""
    database = (
        f"sqlite:///{url_or_folder / 'user-center.db'}"
        if isinstance(url_or_folder, Path)
        else url_or_folder
    )
    store = Store(database)
    limits = {"body_max_bytes": 8 * 1024 * 1024, "events_max": 10_000, **bounds}
    try:
        with serving(app(store, SECRET, token=READ_TOKEN, **limits)) as url:
            yield url, store
    finally:
        store.close()
