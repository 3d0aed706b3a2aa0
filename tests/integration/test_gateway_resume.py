"""Subscribers of real gateways reconnect: only what is newer is sent, and nothing is lost."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from websockets.sync.client import connect

from runtime.kafka import KafkaSettings, ensure_topics
from schemas.topics import PRESENCE
from sinks.gateway.cursor import cursor_in
from tests.eventually import eventually
from tests.gateway import EventStream, Subscription, WebSocket, gateway
from tests.integration.conftest import delete_topics
from tests.stages import StageProcess
from tests.user_center import presence, publish

DOMAIN = "resume.test"
CROWD = [f"sip:u{number}@{DOMAIN}" for number in range(40)]
WHOLE = f"domain={DOMAIN}"


@pytest.fixture(scope="module")
def kafka(broker: str) -> Iterator[KafkaSettings]:
    settings = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(settings)
    publish(settings, [presence(aor, 1) for aor in CROWD])
    yield settings
    delete_topics(settings)


@pytest.fixture(scope="module")
def two(
    kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[StageProcess, StageProcess]]:
    one_folder, other_folder = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    with gateway(one_folder, kafka) as one, gateway(other_folder, kafka) as other:
        yield one, other


def offsets_in(last_id: str) -> tuple[int, ...]:
    """Of the cursor; none where a record's own id is the last, before the cursor that follows."""
    cursor = None if last_id.startswith("sip:") else cursor_in(last_id)
    return cursor.offsets if cursor is not None else ()


def url_of(stage: StageProcess) -> str:
    return str(stage.status()["url"])


def remove(kafka: KafkaSettings, aor: str) -> None:
    producer = Producer(kafka.producer())
    producer.produce(kafka.name(PRESENCE), key=aor.encode(), value=None)
    assert producer.flush(30) == 0


def resumed(
    transport: type[Subscription], url: str, query: str, stream: Subscription
) -> Subscription:
    """Reconnect as a browser does, or by the query."""
    if isinstance(stream, EventStream) and transport is EventStream:
        return EventStream(url, query, {"last-event-id": stream.last_id}).wait_live()
    return transport(url, f"{query}&cursor={stream.cursor}").wait_live()


@pytest.mark.parametrize("transport", [EventStream, WebSocket])
@pytest.mark.parametrize("query", [WHOLE, f"aor={CROWD[0]}&aor={CROWD[1]}"])
def test_only_what_is_newer_is_sent_by_any_gateway(
    transport: type[Subscription],
    query: str,
    two: tuple[StageProcess, StageProcess],
    kafka: KafkaSettings,
) -> None:
    one, other = map(url_of, two)
    first = transport(one, query).wait_live()
    assert not first.resumed
    at_live, version = first.cursor, first.last[CROWD[0]] + 1
    publish(kafka, [presence(CROWD[0], version)])
    eventually(lambda: first.last[CROWD[0]] == version, what="the change")
    eventually(lambda: first.cursor != at_live, what="a cursor after it")
    before = first.cursor
    assert resumed(transport, other, query, first).versions == []
    publish(kafka, [presence(CROWD[1], version), presence(CROWD[2], version)])
    eventually(lambda: first.last[CROWD[1]] == version, what="the change")
    eventually(lambda: first.cursor != before, what="a cursor after it")
    first.cursor = before
    if isinstance(first, EventStream):
        first.last_id = before
    again = resumed(transport, other, query, first)
    expected = {aor: version for aor in CROWD[1:3] if aor in query or query == WHOLE}
    assert again.resumed
    # The other gateway may be live before it has read the changes.
    eventually(lambda: again.last == expected, what="the changes since, and no others")


def test_the_last_id_of_a_busy_stream_is_a_cursor(
    two: tuple[StageProcess, StageProcess], kafka: KafkaSettings
) -> None:
    """With ids of records between, and without any."""
    url = url_of(two[0])
    streams = [EventStream(url, query).wait_live() for query in (WHOLE, f"{WHOLE}&cursor=")]
    version = streams[0].last[CROWD[5]]
    cursors: list[set[str]] = [set(), set()]

    def is_done() -> bool:
        nonlocal version
        version += 1
        publish(kafka, [presence(aor, version) for aor in CROWD[5:]])
        for stream, seen in zip(streams, cursors, strict=True):
            seen.add(stream.last_id)
        return all(len(seen) >= 3 for seen in cursors)

    eventually(is_done, 20, what="cursors")
    eventually(lambda: all(s.last[CROWD[-1]] == version for s in streams), what="all")
    # A cursor has the minute it was made too: the two may be of different ones.
    eventually(lambda: len({offsets_in(s.last_id) for s in streams}) == 1, what="the same offsets")
    assert streams[0].ids[-1].startswith("sip:")
    assert streams[1].ids == []


def test_an_id_of_a_record_brings_the_whole_state_and_a_wrong_cursor_400(
    two: tuple[StageProcess, StageProcess],
) -> None:
    url = url_of(two[0])
    stream = EventStream(url, WHOLE, {"last-event-id": f"{CROWD[0]}/1"}).wait_live()
    assert (stream.resumed, len(stream.versions)) == (False, len(CROWD))
    cut = stream.cursor.partition(".")[0][:-1]
    answer = httpx.get(f"{url}/presence?{WHOLE}&cursor={cut}", trust_env=False)
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


def test_a_killed_gateway_reads_the_removals_again(kafka: KafkaSettings, tmp_path: Path) -> None:
    gone, back = (f"sip:{name}@removed.test" for name in ("gone", "back"))
    publish(kafka, [presence(gone, 5), presence(back, 5)])
    with gateway(tmp_path, kafka) as stage:
        first = EventStream(url_of(stage), "domain=removed.test").wait_live()
        assert first.last == {gone: 5, back: 5}
        stage.kill()
        remove(kafka, gone)
        remove(kafka, back)
        publish(kafka, [presence(back, 1)])
        stage.start()
        again = resumed(EventStream, url_of(stage), "domain=removed.test", first)
        assert again.resumed
        removed = [content["aor"] for kind, content in again.events if kind == "removed"]
        assert (sorted(removed), again.last) == ([back, gone], {back: 1})


def test_a_topic_that_was_made_again_ends_the_gateway_and_its_cursors(
    broker: str, tmp_path: Path
) -> None:
    kafka = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(kafka)
    publish(kafka, [presence(aor, 1) for aor in CROWD[:4]])
    with StageProcess(
        "sinks.gateway.stage",
        tmp_path,
        kafka,
        ROLLCALL_GATEWAY_PORT="0",
        ROLLCALL_KAFKA_PARTITION_CHECK_INTERVAL="0.2",
    ) as stage:
        first = EventStream(url_of(stage), WHOLE).wait_live()
        admin, name = AdminClient(kafka.client()), kafka.name(PRESENCE)
        admin.delete_topics([name], operation_timeout=30)[name].result(30)
        eventually(lambda: name not in admin.list_topics(timeout=10).topics, what="deleted")
        ensure_topics(kafka)
        eventually(lambda: stage.process.poll() is not None, what="the gateway ends")
        assert "was created again" in stage.log.read_text()
        publish(kafka, [presence(aor, 1) for aor in CROWD[:8]])
        stage.start()
        again = resumed(EventStream, url_of(stage), WHOLE, first)
        assert (again.resumed, len(again.versions)) == (False, 8)
    delete_topics(kafka)


def test_a_web_socket_watches_more_users_and_fewer(
    two: tuple[StageProcess, StageProcess], kafka: KafkaSettings
) -> None:
    """From nobody on, with some fields of those who are reachable."""
    ann, bob = (f"sip:{name}@narrow.test" for name in ("ann", "bob"))
    publish(kafka, [presence(ann, 1), presence(bob, 1)])
    one, other = map(url_of, two)
    eventually(lambda: httpx.get(f"{one}/presence/{bob}", trust_env=False).is_success, what="read")
    query = "watch=named&only=reachable&fields=status"
    with connect(f"{one}/presence/ws?{query}".replace("http", "ws", 1), proxy=None) as socket:

        def received() -> dict[str, Any]:
            content: dict[str, Any] = json.loads(socket.recv(10))
            return content if content.get("event") != "cursor" else received()

        assert received()["event"] == "live"
        socket.send(json.dumps({"add": [ann, "no AOR"], "id": 1}))
        assert (received() | {"error": ""}) == {
            "event": "error", "id": 1, "field": "add[1]", "error": ""
        }  # fmt: skip
        socket.send(json.dumps({"add": [ann, bob], "id": 2}))
        state = [received() for _ in range(2)]
        assert [{*one} for one in state] == [{"aor", "version", "status"}] * 2
        answer = received()
        assert (answer["event"], answer["id"], answer["added"]) == ("watching", 2, 2)
        publish(kafka, [presence(ann, 2)])
        assert received() == {"event": "removed", "aor": ann, "reason": "unreachable"}
        socket.send(json.dumps({"remove": [bob], "id": 3}))
        assert received()["watched"] == 1
        publish(kafka, [presence(bob, 2), presence(ann, 3)])
        assert received() == {"aor": ann, "version": 3, "status": "online"}
    reachable = "domain=narrow.test&only=reachable"
    eventually(lambda: EventStream(other, reachable).wait_live().last == {ann: 3}, what="read")
