"""SIGKILL in the middle of a replay, each stage in turn: the end is as if nothing had happened.

The truth is what the clients did (tests/capture_truth.py), the events of the recording as
translation alone makes them, and the final presence of an undisturbed replay.
"""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from runtime.kafka import KafkaSettings, ensure_topics
from schemas.call import CallEvent
from schemas.registration import RegistrationEvent
from sinks.clickhouse.database import Database
from sinks.clickhouse.settings import ClickHouseSettings
from tests.capture_truth import CAPTURES, EXPECTED
from tests.eventually import eventually
from tests.integration.clickhouse_support import opened
from tests.integration.conftest import delete_topics
from tests.integration.freeswitch_process import translated
from tests.integration.rollcall_process import Up, rollcall
from tests.replaying import Replay, changes, lines, user
from tests.stages import StageProcess

pytestmark = pytest.mark.timeout(300)

CAPTURE = "calls"
SOURCE = f"freeswitch={CAPTURES / CAPTURE}.json"
SPEED = "12"  # 150 s in 12.5 s
# Presence changes printed before the kill: about a quarter of all.
MIDDLE = 25
STAGES = ("streams", "freeswitch", "clickhouse", "user-center", "reference-user-center")


@pytest.fixture(scope="module")
def undisturbed(
    broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[dict[str, Any]]]:
    """What `who --json` prints after a replay in which nothing was killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    kafka = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(kafka)
    with StageProcess("streams.stage", folder, kafka):
        lines(rollcall("replay", SOURCE, "--json", folder=folder, kafka=kafka))
        yield lines(rollcall("who", "--json", folder=folder, kafka=kafka))
    delete_topics(kafka)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_in_the_middle_changes_nothing(
    stage: str, tmp_path: Path, kafka: KafkaSettings, undisturbed: list[dict[str, Any]]
) -> None:
    with Up(tmp_path, kafka) as up:
        with Replay(SOURCE, "--speed", SPEED, folder=tmp_path, kafka=kafka) as replay:
            eventually(lambda: len(replay.printed()) >= MIDDLE, 60, what="the middle")
            _kill(stage, up, replay)
            printed = replay.end()
        assert changes(printed) == EXPECTED[CAPTURE]
        who = lines(rollcall("who", "--json", folder=tmp_path, kafka=kafka))
        assert _timeless(who) == _timeless(undisturbed)
        for presence in who:
            eventually(lambda p=presence: _user_center_agrees(up, p), 60, what=presence["aor"])
        eventually(lambda: _stored(up) >= len(printed), 60, what="ClickHouse has all presence")
        eventually(lambda: _stored(up, "calls") >= len(_ids(CallEvent)), 60, what="and all calls")
        assert up.stop() == 0
    with opened(ClickHouseSettings(folder=tmp_path / ".rollcall" / "clickhouse")) as database:
        _check_rows(database)


def _kill(stage: str, up: Up, replay: Replay) -> None:
    """SIGKILL, and wait until the supervisor has started another."""
    find: Callable[[], int] = lambda: up.pid(stage)  # noqa: E731
    if stage == "freeswitch":
        find = lambda: next(iter(replay.producers().values()))  # noqa: E731
    killed = find()
    assert replay.process.poll() is None, "the replay was over before the kill"
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: find() != killed, 30, what=f"another {stage}")


def _timeless(value: Any) -> Any:
    """Without times: each replay moves them to its own end."""
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in ("at", "since")}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _user_center_agrees(up: Up, presence: dict[str, Any]) -> bool:
    url = f"{up.document()['user_center']}/users/{quote(presence['aor'])}"
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    keys = ("aor", "version", "status", "reachable", "cause")
    return answer.is_success and all(answer.json()[key] == presence[key] for key in keys)


def _stored(up: Up, view: str = "presence_history") -> int:
    try:
        status = httpx.get(
            f"{up.document()['stages']['clickhouse']['http']}/status", timeout=10, trust_env=False
        )
    except httpx.TransportError:
        return 0
    return int(status.json().get("rows", {}).get(view) or 0)


def _ids(model: type) -> list[str]:
    """Of every such event the recording holds, its id."""
    events = translated(f"{CAPTURE}.json", 0)
    return sorted(name for name, event in events.items() if isinstance(event, model))


def _check_rows(database: Database) -> None:
    """Nothing lost, nothing doubled."""
    for view, model in (("registrations", RegistrationEvent), ("calls", CallEvent)):
        stored = [row[0] for row in database.query(f"SELECT id FROM {view} ORDER BY id")]
        assert stored == _ids(model), view
    history = database.query("SELECT aor, version, status, cause FROM presence_history")
    expected = [
        (name, version, *change.split())
        for name, seen in EXPECTED[CAPTURE].items()
        for version, change in enumerate(seen, 1)
    ]
    assert sorted((user(aor), *rest) for aor, *rest in history) == sorted(expected)
    last = database.query("SELECT aor, version FROM presence")
    assert sorted((user(aor), version) for aor, version in last) == sorted(
        (name, len(seen)) for name, seen in EXPECTED[CAPTURE].items()
    )
    assert database.query("SELECT count() FROM dead_letters") == [(0,)]
