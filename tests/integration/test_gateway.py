"""Real Kafka, the gateway as a process, subscribers over SSE and WebSocket."""

import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from confluent_kafka import KafkaError, Producer
from websockets.exceptions import InvalidStatus

from runtime.dead_letters import DeadLetters
from runtime.kafka import KafkaSettings, ensure_topics
from schemas.codec import encode
from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.topics import CALL_RECORDS, DIAL_RESULTS, NODE_STATE, NODES, PRESENCE
from schemas.vocabulary import NodeKind, Source
from sinks.gateway.calls.dialled import DialledCalls
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.calls.reader import CallReader
from sinks.gateway.reader import Reader
from tests.eventually import eventually
from tests.gateway import TOKEN, EventStream, Subscription, WebSocket, gateway
from tests.integration.conftest import delete_topics
from tests.kafka_logs import write
from tests.stages import StageProcess
from tests.unit.sinks.gateway.calls.making import ended
from tests.unit.sinks.gateway.calls.making import record as call
from tests.user_center import dead_letters, presence, publish

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
ANN, EVE = "sip:ann@one.test", "sip:eve@two.test"


@pytest.fixture(scope="module")
def kafka(broker: str) -> Iterator[KafkaSettings]:
    """One namespace for all tests here: each has users of its own."""
    settings = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(settings)
    publish(settings, [presence(ANN, 1), presence(ANN, 2), presence(EVE, 1)])
    yield settings
    delete_topics(settings)


@pytest.fixture(scope="module")
def stage(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, kafka, STALLED_AFTER="1", KEEPALIVE="1") as process:
        yield process


def url_of(stage: StageProcess) -> str:
    return str(stage.status()["url"])


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


@pytest.mark.parametrize("transport", [EventStream, WebSocket])
def test_a_subscriber_gets_the_state_then_changes_in_order(
    transport: type[Subscription], stage: StageProcess, kafka: KafkaSettings
) -> None:
    domain = f"{transport.__name__.lower()}.test"
    joe, sue, kim = (f"sip:{name}@{domain}" for name in ("joe", "sue", "kim"))
    publish(kafka, [presence(joe, 1), presence(joe, 2), presence(kim, 1)])
    url = url_of(stage)
    eventually(lambda: get(f"{url}/presence/{kim}").is_success, what="read")
    two = transport(url, f"aor=SIP:joe@{domain.upper()}:5060&aor={sue}").wait_live()
    whole = transport(url, f"domain={domain}").wait_live()
    assert two.events[0][1]["version"] == 2
    assert two.kinds == ["presence", "live"]
    assert whole.last == {joe: 2, kim: 1}
    for record in (presence(sue, 1), presence(kim, 2), presence(joe, 2), presence(joe, 3)):
        publish(kafka, [record])
    eventually(lambda: two.last == {joe: 3, sue: 1}, what="changes")
    eventually(lambda: whole.last == {joe: 3, sue: 1, kim: 2}, what="changes")
    assert sorted(two.versions) == [(joe, 2), (joe, 3), (sue, 1)], "each version once"
    assert get(f"{url}/presence/{joe}").content == encode(presence(joe, 3)), "unchanged bytes"
    remove(kafka, sue)
    eventually(lambda: "removed" in two.kinds, what="removed")
    assert two.events[-1] == ("removed", {"event": "removed", "aor": sue})
    assert get(f"{url}/presence/{sue}").status_code == 404


def remove(kafka: KafkaSettings, aor: str) -> None:
    """Write a tombstone."""
    producer = Producer(kafka.producer())
    producer.produce(kafka.name(PRESENCE), key=aor.encode(), value=None)
    assert producer.flush(30) == 0


def test_a_reconnect_gets_the_present_state_again(stage: StageProcess) -> None:
    known = {"last-event-id": f"{ANN}/2"}
    stream = EventStream(url_of(stage), f"aor={ANN}", known).wait_live()
    assert stream.ids == [f"{ANN}/2"]
    assert stream.last == {ANN: 2}


def test_a_stalled_subscriber_is_disconnected_and_delays_no_other(
    stage: StageProcess, kafka: KafkaSettings
) -> None:
    other = WebSocket(url_of(stage), "domain=crowd.test").wait_live()
    users = [f"sip:u{number}@crowd.test" for number in range(400)]
    version = 0

    def is_dropped() -> bool:
        # Several at a time: newer ones must come before it is dropped, however slowly we go round.
        nonlocal version
        version += 4
        newest = range(version - 3, version + 1)
        publish(kafka, [presence(aor, number) for number in newest for aor in users])
        return bool(stage.status()["stalled"])

    with closing(never_reading(url_of(stage), "domain=crowd.test")) as stalled:
        eventually(is_dropped, 20, what="dropped")
        eventually(lambda: other.last == dict.fromkeys(users, version), what="the other has all")
        assert other.ended is None
        with pytest.raises(ConnectionResetError):
            read_all(stalled)
    assert stage.status()["coalesced"] > 0
    assert stage.log.read_text().count("subscriber stalled") == 1
    metrics = get(f"{stage.health}/metrics").text
    for name in ("stalled_total", "coalesced_total", "sent_total", "users", "subscribers"):
        assert f"\nrollcall_gateway_{name}{{" in metrics
    assert 'rollcall_gateway_delay_seconds_bucket{le="0.1"' in metrics


def never_reading(url: str, query: str) -> socket.socket:
    """A subscriber that takes what fits into its small buffer, and no more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = urlsplit(url)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET /presence?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> None:
    while client.recv(65536):
        pass


def test_a_quiet_stream_has_keep_alives(stage: StageProcess) -> None:
    url = f"{url_of(stage)}/presence?domain=nobody.test"
    with httpx.stream("GET", url, trust_env=False, timeout=10) as answer:
        assert any(line == ": keep-alive" for line in answer.iter_lines())


def test_an_invalid_record_becomes_a_dead_letter_and_the_others_are_sent(
    stage: StageProcess, kafka: KafkaSettings
) -> None:
    max_ = "sip:max@bad.test"
    stream = EventStream(url_of(stage), f"aor={max_}").wait_live()
    no_utf8 = encode(presence(max_, 9)).replace(b"{", b'{"later":"\xff",', 1)
    breaking = encode(presence(max_, 9)).replace(max_.encode(), b"sip:max\\n\\ndata: x@bad.test")
    publish(kafka, [(max_, b"no JSON"), (max_, no_utf8), (max_, breaking), (max_, b"")])
    publish(kafka, [presence(max_, 3)])
    eventually(lambda: stream.last == {max_: 3}, what="what comes after them")
    reasons = [letter.reason for letter in dead_letters(kafka, 4)]
    assert ["UTF-8" in reason for reason in reasons].count(True) == 1
    assert stage.status()["dead_letters"] == 4


def test_a_bad_query_gets_400_with_the_field(stage: StageProcess) -> None:
    answer = get(f"{url_of(stage)}/presence?aor=nobody")
    assert (answer.status_code, answer.json()["field"]) == (400, "aor")
    refused = WebSocket(url_of(stage), "aors=sip:a@x")
    eventually(lambda: refused.ended, what="refused")
    assert isinstance(refused.ended, InvalidStatus)
    assert refused.ended.response.status_code == 400
    assert b'"field":"aors"' in refused.ended.response.body


def test_tokens_the_limit_of_subscribers_and_the_stop(kafka: KafkaSettings, tmp_path: Path) -> None:
    """One gateway with tokens and room for two; SIGTERM; and again."""
    tokens = f"{TOKEN},another-of-the-tokens"
    with gateway(tmp_path, kafka, SUBSCRIBERS_MAX="2", TOKENS=tokens) as stage:
        url, allowed = url_of(stage), {"authorization": f"Bearer {TOKEN}"}
        for headers in ({}, {"authorization": "Bearer no"}, {"authorization": TOKEN}):
            assert get(f"{url}/presence", **headers).status_code == 401
            assert get(f"{url}/presence/{ANN}", **headers).status_code == 401
            assert status_of_refusal(url, headers) == 401
        stream = EventStream(url, f"aor={ANN}&aor={EVE}", allowed).wait_live()
        web_socket = WebSocket(url, f"aor={ANN}&aor={EVE}", allowed).wait_live()
        full = get(f"{url}/presence", **allowed)
        assert (full.status_code, full.json()["error"]) == (503, "2 subscribers are here already")
        assert status_of_refusal(url, allowed) == 503
        assert stage.status()["refused"] == {"unauthorized": 9, "full": 2}
        assert get(f"{url}/presence/{ANN}", **allowed).is_success, "that is no subscriber"

        assert stage.terminate() == 0
        eventually(lambda: stream.ended and web_socket.ended, what="both ended")
        assert (stream.ended, web_socket.ended) == ("closed", 1001)
        stage.start()
        again = WebSocket(url_of(stage), f"aor={ANN}&aor={EVE}", allowed).wait_live()
        assert again.last == {ANN: 2, EVE: 1}
        assert TOKEN not in stage.log.read_text()


def status_of_refusal(url: str, headers: dict[str, str]) -> int:
    refused = WebSocket(url, "", headers)
    eventually(lambda: refused.ended, what="refused")
    assert isinstance(refused.ended, InvalidStatus), refused.ended
    return refused.ended.response.status_code


def test_a_reachable_broker_is_noticed_without_new_records(
    kafka: KafkaSettings,
) -> None:
    letters = DeadLetters("gateway", kafka, counted_as="undecodable")
    reader = Reader(kafka, letters, lambda _messages, _positions: None, lambda: 0.0)
    try:
        read_until(reader, lambda: reader.is_caught_up)
        # As librdkafka reports it when the last connection breaks.
        reader._on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        assert reader.is_kafka_away
        read_until(reader, lambda: not reader.is_kafka_away)
    finally:
        reader.close()
        letters.close()


def read_until(reader: Reader, condition: Callable[[], bool]) -> None:
    def is_so() -> bool:
        reader.step()
        return condition()

    eventually(is_so, interval=0)


def test_calls_are_served_from_their_records(stage: StageProcess, kafka: KafkaSettings) -> None:
    url = f"{url_of(stage)}/v1/calls"
    parts = "sip:part1@one.test", "sip:part2@one.test"

    def versions() -> dict[str, int]:
        return {one["id"]: one["version"] for one in get(url).json().get("calls", [])}

    live, merged = call(1, ANN, EVE), call(2, *parts)
    write(kafka, [(CALL_RECORDS, one.id, one) for one in (live, merged)])
    eventually(lambda: versions() == {"call-1": 1, "call-2": 1}, what="both calls")
    assert get(f"{url}?aor={ANN}&state=open").json()["calls"][0]["caller"] == ANN
    over = ended(1, ANN, EVE)
    write(kafka, [(CALL_RECORDS, over.id, over)])
    write(kafka, [(CALL_RECORDS, "call-2", call(2, *parts, version=2, merged_into="call-1"))])
    eventually(lambda: versions() == {"call-1": 2}, what="the end, and the merge")
    assert get(f"{url}/call-1").json()["state"] == "ended"
    assert get(f"{url}/call-2").json()["id"] == "call-1"
    producer = Producer(kafka.producer())
    producer.produce(kafka.name(CALL_RECORDS), key=b"call-1", value=None)
    assert producer.flush(30) == 0
    eventually(lambda: get(f"{url}/call-1").status_code == 404, what="the removal")


def test_what_is_no_call_record_is_counted_and_results_are_read(kafka: KafkaSettings) -> None:
    result = (EXAMPLES / "rollcall.dial-results.connected.json").read_bytes()
    calls, dialled = KnownCalls(100), DialledCalls(100)
    write(kafka, [(CALL_RECORDS, "call-8", b"{}"), (CALL_RECORDS, "call-9", call(9, ANN, EVE))])
    write(kafka, [(DIAL_RESULTS, "key", result), (DIAL_RESULTS, "other", b"[]")])
    reader = CallReader(kafka, lambda apply: apply(calls, dialled))
    try:

        def is_read() -> bool:
            reader.step()
            return calls.is_read

        eventually(is_read, interval=0.01)
    finally:
        reader.close()
    assert calls.get("call-9") is not None
    assert calls.get("call-8") is None
    assert (dialled.get("key"), dialled.get("other")) == (result, None)


def test_nodes_have_the_state_that_the_streams_keep(
    stage: StageProcess, kafka: KafkaSettings
) -> None:
    at = datetime.now(UTC)
    state = NodeState(boot="b1", at=at, lost=True)
    beat = NodeEvent(
        id="fs1/b1/1",
        source=Source.FREESWITCH,
        node="fs1",
        boot="b1",
        seq=1,
        at=at,
        kind=NodeKind.HEARTBEAT,
        version="1.10.12",
    )
    producer = Producer(kafka.producer())
    for topic, value, partition in ((NODE_STATE, state, 0), (NODES, beat, kafka.partitions - 1)):
        producer.produce(kafka.name(topic), key=b"fs1", value=encode(value), partition=partition)
    assert producer.flush(30) == 0

    def shown() -> bool:
        nodes = {one["node"]: one for one in get(f"{url_of(stage)}/v1/nodes").json()["nodes"]}
        one = nodes.get("fs1", {})
        return (one.get("condition"), one.get("version")) == ("lost", "1.10.12")

    eventually(shown, what="the node's state and event")
