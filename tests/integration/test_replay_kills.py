"""SIGKILL in the middle of a replay, of each stage: the end is as if nothing had happened.

The truth is what the clients did (tests/capture_truth.py), the events of the recording as
translation alone makes them, and the final presence of an undisturbed replay.
"""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from runtime.kafka import KafkaSettings, ensure_topics
from schemas.call import CallEvent
from schemas.registration import RegistrationEvent
from schemas.vocabulary import CallKind
from sinks.clickhouse.database import Database
from sinks.clickhouse.settings import ClickHouseSettings
from tests.capture_truth import CAPTURES, EXPECTED
from tests.eventually import eventually
from tests.integration.clickhouse_support import opened
from tests.integration.conftest import delete_topics
from tests.integration.freeswitch_process import translated
from tests.integration.rollcall_process import Up, rollcall
from tests.replaying import Replay, changes, final, into, lines
from tests.stages import StageProcess

pytestmark = pytest.mark.timeout(300)

CAPTURE = "calls"
SOURCE = f"freeswitch={CAPTURES / CAPTURE}.json"
SPEED = "12"  # 150 s in 12.5 s
# Presence changes printed before the kill: about a quarter of all.
MIDDLE = 25
# Each replay moves times to its own end.
MOVED = ("at", "since")
# Killed in one replay, at once: such that neither reads what the other writes.
KILLED = (("streams",), ("freeswitch", "reference-user-center"), ("clickhouse", "user-center"))


@pytest.fixture(scope="module")
def undisturbed(
    broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[dict[str, Any]]]:
    """What `who --json` prints after a replay in which nothing was killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    kafka = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(kafka)
    with StageProcess("streams.stage", folder, kafka):
        lines(rollcall("replay", SOURCE, *into(kafka), "--json", folder=folder, kafka=kafka))
        yield lines(rollcall("who", "--json", folder=folder, kafka=kafka))
    delete_topics(kafka)


@pytest.mark.parametrize("stages", KILLED, ids="+".join)
def test_stages_killed_in_the_middle_change_nothing(
    stages: tuple[str, ...],
    tmp_path: Path,
    kafka: KafkaSettings,
    undisturbed: list[dict[str, Any]],
) -> None:
    with Up(tmp_path, kafka) as up:
        with Replay(SOURCE, "--speed", SPEED, folder=tmp_path, kafka=kafka) as replay:
            eventually(lambda: len(replay.printed()) >= MIDDLE, 60, what="the middle")
            _kill(stages, up, replay)
            printed = replay.end()
        who = lines(rollcall("who", "--json", folder=tmp_path, kafka=kafka))
        assert who == [presence for _, presence in sorted(final(printed).items())]
        assert changes(printed) == EXPECTED[CAPTURE]
        assert _without(MOVED, who) == _without(MOVED, undisturbed)
        eventually(lambda: all(_user_center_agrees(up, p) for p in who), 60, what="user center")
        eventually(lambda: _stored(up) >= len(printed), 60, what="ClickHouse has all presence")
        eventually(lambda: _stored(up, "calls") >= len(_ids(CallEvent)), 60, what="and all calls")
        assert up.stop() == 0
    with opened(ClickHouseSettings(folder=tmp_path / ".rollcall" / "clickhouse")) as database:
        _check_rows(database, printed)


def _kill(stages: tuple[str, ...], up: Up, replay: Replay) -> None:
    """SIGKILL, and wait until the supervisors have started others."""

    def find(stage: str) -> int:
        return next(iter(replay.producers().values())) if stage == "freeswitch" else up.pid(stage)

    killed = {stage: find(stage) for stage in stages}
    assert replay.process.poll() is None, "the replay was over before the kill"
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(find(one) != pid for one, pid in killed.items()), 30, what="others")


def _without(keys: tuple[str, ...], value: Any) -> Any:
    """The value without these keys, at any depth."""
    if isinstance(value, dict):
        return {k: _without(keys, v) for k, v in value.items() if k not in keys}
    return [_without(keys, item) for item in value] if isinstance(value, list) else value


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


def _ids(model: type[CallEvent] | type[RegistrationEvent]) -> list[str]:
    """Of every such event the recording holds, its id; keyed digits are off by default."""
    events = translated(f"{CAPTURE}.json", 0)
    return sorted(
        name
        for name, event in events.items()
        if isinstance(event, model) and event.kind is not CallKind.DTMF
    )


def _check_rows(database: Database, printed: list[dict[str, Any]]) -> None:
    """Nothing lost, nothing doubled."""
    for view, model in (("registrations", RegistrationEvent), ("calls", CallEvent)):
        stored = [row[0] for row in database.query(f"SELECT id FROM {view} ORDER BY id")]
        assert stored == _ids(model), view
    # What a subscriber saw is what is stored: of each user every version from the first on, once.
    fields = ("aor", "version", "status", "cause")
    history = database.query(f"SELECT {', '.join(fields)} FROM presence_history")
    assert sorted(history) == sorted(tuple(p[f] for f in fields) for p in printed)
    for aor, presence in final(printed).items():
        versions = sorted(version for who, version, *_ in history if who == aor)
        assert versions == list(range(1, presence["version"] + 1))
    last = database.query("SELECT aor, version FROM presence")
    assert dict(last) == {aor: p["version"] for aor, p in final(printed).items()}
    assert len(last) == len(final(printed))
    assert database.query("SELECT count() FROM dead_letters") == [(0,)]
