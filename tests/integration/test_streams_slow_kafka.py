"""The worker before a slow broker: nothing early, nothing lost, and the metrics that show it."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from runtime.kafka import KafkaSettings
from schemas.connection import ConnectionEvent
from schemas.origin import Address
from schemas.topics import CONNECTIONS, PRESENCE, REGISTRATIONS, SESSIONS
from schemas.vocabulary import ConnectionKind, RegistrationKind, Source, Transport
from tests.eventually import eventually
from tests.integration.kafka_proxy import LIBRDKAFKA, slow
from tests.integration.test_streams_worker import WORKER, drained, histories, registration
from tests.kafka_logs import ends, is_consumed, write
from tests.stages import StageProcess

USERS = 60


def metrics(worker: StageProcess) -> dict[str, Metric]:
    text = httpx.get(worker.health + "/metrics", trust_env=False).text
    return {family.name: family for family in text_string_to_metric_families(text)}


def lag(worker: StageProcess, name: str) -> float:
    """Of the registrations."""
    samples = metrics(worker)[name].samples
    return sum(one.value for one in samples if one.labels["topic"].endswith(REGISTRATIONS.name))


def delays(worker: StageProcess, name: str) -> dict[str, float]:
    """The cumulative counts of a histogram, by upper boundary."""
    family = metrics(worker).get(name)
    samples = family.samples if family else []
    return {one.labels["le"]: one.value for one in samples if one.name.endswith("_bucket")}


def reset_connection() -> ConnectionEvent:
    """The end of user 0's connection, now."""
    return ConnectionEvent(
        id="fs1/boot/reset",
        source=Source.FREESWITCH,
        node="fs1",
        boot="boot",
        seq=1_000,
        at=datetime.now(UTC),
        kind=ConnectionKind.RESET,
        connection="fs1/10.0.0.1:5000",
        transport=Transport.TCP,
        remote=Address(ip="10.0.0.1", port=5000),
    )


def test_presence_and_offsets_wait_for_the_acknowledgement_of_state(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """Also if the worker is killed meanwhile. The lag shows the wait, the delays what was."""
    with (
        slow(kafka) as (proxy, through),
        StageProcess(WORKER, tmp_path, through, ROLLCALL_STREAMS_INSTANCE="one") as worker,
    ):
        write(kafka, [registration(user, user, at=datetime.now(UTC)) for user in range(USERS)])
        drained(kafka, 60)
        write(kafka, [(CONNECTIONS, "fs1/10.0.0.1:5000", reset_connection())])
        eventually(lambda: sum(ends(kafka, PRESENCE).values()) == USERS + 1, 60)
        eventually(lambda: lag(worker, "rollcall_lag_records") == 0, 10)
        for name, least in (("presence", 2), ("close", 1)):  # of each batch some
            counts = delays(worker, f"rollcall_{name}_delay_seconds")
            assert list(counts)[:3] == ["0.001", "0.002", "0.005"]
            assert counts["60.0"] == counts["+Inf"] >= least
        proxy.hold(LIBRDKAFKA)
        later = [
            registration(user, USERS + user, RegistrationKind.UNREGISTERED, at=datetime.now(UTC))
            for user in range(1, USERS)
        ]
        written = sum(ends(kafka, SESSIONS).values())
        write(kafka, later)
        eventually(lambda: sum(ends(kafka, SESSIONS).values()) >= written + 4, 30)
        eventually(lambda: lag(worker, "rollcall_lag_records") == len(later), 30)
        eventually(lambda: lag(worker, "rollcall_lag_seconds") > 1, 30)
        assert sum(ends(kafka, PRESENCE).values()) == USERS + 1
        assert not is_consumed(kafka, "streams", [REGISTRATIONS])
        worker.kill()
        proxy.release()
        worker.start()
        drained(kafka, 60)
    found = histories(kafka)
    assert len(found) == USERS
    assert all([one.reachable for one in history] == [True, False] for history in found.values())


def test_kills_and_rebalances_before_a_slow_broker(kafka: KafkaSettings, tmp_path: Path) -> None:
    expected: dict[str, list[bool]] = defaultdict(list)
    events = []
    for turn in range(8):
        kind = RegistrationKind.UNREGISTERED if turn % 2 else RegistrationKind.REGISTERED
        for user in range(USERS):
            events.append(registration(user, turn * USERS + user, kind))
            expected[f"sip:{user}@example.test"].append(not turn % 2)
    part = len(events) // 4
    small = {"ROLLCALL_STREAMS_BATCH_RECORDS": "20"}
    (tmp_path / "second").mkdir()
    with (
        slow(kafka) as (proxy, through),
        StageProcess(WORKER, tmp_path, through, **small) as first,
    ):
        proxy.delay = 0.02
        write(kafka, events[:part])
        eventually(lambda: first.status()["folded"] > 0, 60)
        with StageProcess(WORKER, tmp_path / "second", through, **small) as second:
            write(kafka, events[part : 2 * part])
            eventually(lambda: second.status()["folded"] > 0, 60)
            first.kill()
            write(kafka, events[2 * part : 3 * part])
            first.start()
            write(kafka, events[3 * part :])
            assert second.terminate() == 0
        drained(kafka, 120)
    found = {aor: [one.reachable for one in history] for aor, history in histories(kafka).items()}
    assert found == expected
