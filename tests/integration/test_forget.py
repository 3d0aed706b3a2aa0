"""`rollcall forget` on a real Kafka: streams, calls, chDB with its sink, and the user center."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from runtime.kafka import KafkaSettings
from schemas import topics
from schemas.topic import Topic
from schemas.vocabulary import CallKind
from tests import clickhouse_records as records
from tests.eventually import eventually
from tests.integration.clickhouse_support import Process, opened, settings
from tests.kafka_logs import read, write
from tests.stages import StageProcess
from tests.unit.fold_events import registered
from tests.user_center_processes import reference_user_center, sink

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"


def register(aor: str, seq: int) -> tuple[Topic, str, Any]:
    event = registered(seq)
    event.aor, event.contact = aor, f"sip:{seq}@192.0.2.7"
    return topics.REGISTRATIONS, aor, event


def call(aor: str, seq: int) -> tuple[Topic, str, Any]:
    event = records.call(
        seq,
        aor=aor,
        leg=f"leg-{seq}",
        call=f"call-{seq}",
        sip_call_id=f"{seq}@phone",
        kind=CallKind.RINGING,
        peer="4930801",
        other_leg=None,
    )
    return topics.CALLS, aor, event


def forget(kafka: KafkaSettings, folder: Path, store: Path, aor: str) -> tuple[int, Any]:
    environment = {
        **os.environ,
        "ROLLCALL_SETTINGS": os.devnull,
        "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ROLLCALL_KAFKA_NAMESPACE": kafka.namespace,
        "ROLLCALL_CLICKHOUSE_FOLDER": str(store),
        "ROLLCALL_FORGET_KEY_FILE": str(folder / "key"),
        "ROLLCALL_FORGET_RECEIPTS": str(folder / "receipts"),
        "ROLLCALL_FORGET_WAIT": "25",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "forget", aor],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def last(kafka: KafkaSettings, topic: Topic) -> dict[bytes, bytes | None]:
    """What compaction leaves: the last value of each key."""
    return {message.key() or b"": message.value() for message in read(kafka, topic)}


def test_a_user_is_forgotten_everywhere(kafka: KafkaSettings, tmp_path: Path) -> None:
    chosen = settings(tmp_path / "store")
    with (
        reference_user_center(tmp_path) as (_, url),
        sink(kafka, f"{url}/presence"),
        StageProcess("streams.stage", tmp_path, kafka),
        StageProcess("calls.stage", tmp_path, kafka),
    ):
        store = Process(kafka, chosen)
        try:
            write(kafka, [register(ALICE, 1), register(BOB, 2), call(ALICE, 3), call(BOB, 4)])
            eventually(lambda: store.rows("call_records") == 2, 60, what="both calls stored")
            eventually(lambda: store.rows("presence") == 2, 60, what="both users stored")
            eventually(lambda: httpx.get(f"{url}/users/{ALICE}").status_code == 200, 30)

            code, receipt = forget(kafka, tmp_path, chosen.folder, ALICE)
            assert code == 0, receipt
            assert receipt["complete"] is True
            assert receipt["user_center"] == "delivered"
            assert receipt["topics"]["rollcall.call-records"] == 1
            assert receipt["clickhouse"]["registrations"] == 1
            assert receipt["clickhouse"]["presence"] == 1
            kept = (tmp_path / "receipts").read_text()
            assert "alice" not in kept
            assert json.loads(kept) == receipt
            for topic in (topics.PRESENCE, topics.SESSIONS):
                assert last(kafka, topic)[ALICE.encode()] is None
                assert last(kafka, topic)[BOB.encode()] is not None
            calls = [value for value in last(kafka, topics.CALL_RECORDS).values() if value]
            assert len(calls) == 1
            assert b"alice" not in calls[0]
            assert httpx.get(f"{url}/users/{ALICE}").status_code == 404
            assert httpx.get(f"{url}/users/{BOB}").status_code == 200

            again, second = forget(kafka, tmp_path, chosen.folder, ALICE)
            assert (again, second["user"]) == (0, receipt["user"])
            assert set(second["clickhouse"].values()) == {0}

            write(kafka, [register(ALICE, 60)])  # a new user
            eventually(lambda: store.rows("presence") == 2, 60, what="the new user stored")
            eventually(lambda: httpx.get(f"{url}/users/{ALICE}").status_code == 200, 30)
            assert httpx.get(f"{url}/users/{ALICE}").json()["version"] == 1
        finally:
            assert store.terminate() == 0
    with opened(chosen) as database:
        for table in ("registrations_raw", "presence_history_raw", "presence_raw"):
            counted = dict(database.query(f"SELECT aor, count() FROM {table} FINAL GROUP BY aor"))
            assert counted[ALICE] == 1
            assert counted[BOB] >= 1  # two changes, if the call came in a batch of its own
        named = "SELECT count() FROM call_records_raw WHERE has(users, {aor:String})"
        assert database.query(named, {"aor": ALICE}) == [(0,)]
