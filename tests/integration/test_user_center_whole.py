"""Kafka to the reference user center with both stages as processes: kill -9, poison, PostgreSQL."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from local.network import free_port
from local.reference_user_center.store import Store
from runtime.kafka import KafkaSettings
from schemas.codec import encode
from schemas.presence import Presence
from sinks.user_center.stage import Sink
from tests.eventually import eventually
from tests.user_center import (
    READ_HEADERS,
    dead_letters,
    event,
    lag,
    presence,
    publish,
    running_sink,
    serving,
    settings,
    signed,
    user_center,
)
from tests.user_center_processes import reference_user_center, sink, status

USERS = [f"sip:user{n}@example.com" for n in range(300)]


def test_kill_of_the_sink_loses_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    """kill -9 in mid-stream, after some of it was committed: the next process does the rest."""
    users = [f"sip:many{n}@example.com" for n in range(6000)]
    slow = {"BATCH_MAX": "5", "CONCURRENCY": "1", "INSTANCE": "a"}
    with reference_user_center(tmp_path) as (_, url):
        endpoint = f"{url}/presence"
        for version in (1, 2):
            with sink(kafka, endpoint, **slow) as (process, health):
                before = lag(kafka)
                publish(kafka, [presence(aor, version) for aor in users])
                published = before + len(users)
                eventually(partial(_lag_below, kafka, published))
                delivered = status(health)["delivered"]
                process.kill()
                process.wait()
                assert 0 < delivered < len(users), "killed too late to prove anything"
                assert lag(kafka) > 0
        # Nothing new is published: only what the killed ones left can bring everyone to the end.
        with sink(kafka, endpoint, INSTANCE="a") as (process, _):
            eventually(lambda: lag(kafka) == 0, interval=0.3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert _versions_over_http(url) == dict.fromkeys(users, 2)


def test_stopped_while_the_receiver_hangs_loses_nothing(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """SIGTERM commits at once, but only what is delivered."""
    with reference_user_center(tmp_path) as (center, url):
        endpoint = f"{url}/presence"
        with sink(kafka, endpoint, TIMEOUT_SECONDS="1") as (process, health):
            center.send_signal(signal.SIGSTOP)
            publish(kafka, [presence(aor, 1) for aor in USERS])
            eventually(lambda: status(health)["waiting_users"] == len(USERS))
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        center.send_signal(signal.SIGCONT)
        assert lag(kafka) == len(USERS)
        with sink(kafka, endpoint):
            eventually(lambda: lag(kafka) == 0, interval=0.3)
        assert _versions_over_http(url) == dict.fromkeys(USERS, 1)


def _versions_over_http(url: str) -> dict[str, int]:
    """Everyone's version, page by page."""
    found: dict[str, int] = {}
    after: str | None = ""
    while after is not None:
        query: dict[str, str | int] = {"limit": 1000, "after": after}
        page = _list(url, query)
        found |= {user["aor"]: user["version"] for user in page["users"]}
        after = page["next"]
    return found


def _list(url: str, query: dict[str, str | int]) -> dict[str, Any]:
    answer = httpx.get(f"{url}/users", params=query, headers=READ_HEADERS, trust_env=False)
    page: dict[str, Any] = answer.json()
    return page


def test_kill_of_the_user_center_loses_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    """What it acknowledged before SIGKILL is there after; the rest is delivered then."""
    port = free_port()
    wanted = settings(f"http://127.0.0.1:{port}/presence", batch_max=20)
    with running_sink(kafka, wanted) as sending:
        for first in (1, 6, 11):
            with reference_user_center(tmp_path, PORT=str(port)) as (process, url):
                for version in range(first, first + 5):
                    publish(kafka, [presence(aor, version) for aor in USERS])
                target = sending.status()["delivered"] + 50
                eventually(partial(_has_delivered, sending, target))
                process.kill()
                process.wait()
        with reference_user_center(tmp_path, PORT=str(port)) as (_, url):
            eventually(lambda: sending.status()["waiting_users"] == 0)
            users = _list(url, {"limit": 1000})["users"]
            assert {u["aor"]: u["version"] for u in users} == dict.fromkeys(USERS, 15)
    assert lag(kafka) == 0


def test_poison_record_goes_to_dead_letters(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Well-formed to the sink, against the contract for the receiver (the AOR's pattern)."""
    poison = encode(presence(USERS[0], 1)).replace(USERS[0].encode(), b"not an address of record")
    publish(kafka, [presence(aor, 1) for aor in USERS[:100]])
    publish(kafka, [("poison", poison)])
    publish(kafka, [presence(aor, 1) for aor in USERS[100:]])
    with (
        user_center(tmp_path) as (url, store),
        running_sink(kafka, settings(f"{url}/presence")) as sending,
    ):
        eventually(lambda: sending.status()["delivered"] == len(USERS))
        eventually(lambda: sending.status()["dead_letters"] == 1)
        assert len(_users(store)) == len(USERS)
    [letter] = dead_letters(kafka, 1)
    assert "http-422" in letter.reason
    assert "data.aor" in letter.reason
    assert lag(kafka) == 0


def _lag_below(kafka: KafkaSettings, most: int) -> bool:
    return lag(kafka) < most


def _has_delivered(sending: Sink, count: int) -> bool:
    return bool(sending.status()["delivered"] >= count)


def _users(store: Store) -> dict[str, int]:
    found = store.users(status=None, reachable=None, after=None, limit=1000)
    return {user["aor"]: user["version"] for user in found}


def test_receiver_of_the_documentation_works(
    kafka: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "user-center.md").read_text()
    source = page.partition("```python\n")[2].partition("```")[0]
    # Its one connection is opened here and used in the server's thread.
    source = source.replace('"presence.db"', '"presence.db", check_same_thread=False')
    names: dict[str, Any] = {}
    exec(compile(source, "docs/user-center.md", "exec"), names)
    for version in (1, 2, 3):
        publish(kafka, [presence(aor, version) for aor in USERS])
    with serving(names["app"]) as url:
        with running_sink(kafka, settings(f"{url}/presence")) as sending:
            eventually(sending.ready.is_set)
            eventually(lambda: lag(kafka) == 0, interval=0.3)
        unsigned = httpx.post(f"{url}/presence", content=b"[]", trust_env=False)
        assert unsigned.status_code == 401
    rows = names["database"].execute("SELECT aor, version, reachable FROM users").fetchall()
    names["database"].close()
    assert sorted(rows) == sorted((aor, 3, 1) for aor in USERS)


# -- PostgreSQL -----------------------------------------------------------------------------------
def _postgresql_binaries() -> Path | None:
    """The folder with initdb and postgres: Debian keeps them off the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of a cluster of this run's own on 127.0.0.1, run by an unprivileged user."""
    binaries = _postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries here: apt-get install postgresql")
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    with TemporaryDirectory(prefix="rollcall-pg-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        initdb = f"{binaries}/initdb -D {data} -U rollcall -A trust -E UTF8 --no-sync"
        options: dict[str, Any] = {"user": user, "cwd": folder}
        subprocess.run(
            [*initdb.split(), "--locale=C.UTF-8"], check=True, capture_output=True, **options
        )
        port = free_port()
        postgres = (
            f"{binaries}/postgres -D {data} -p {port} -k {folder} -c listen_addresses=127.0.0.1"
        )
        server = subprocess.Popen(postgres.split(), stderr=subprocess.DEVNULL, **options)
        try:
            ready = f"{binaries}/pg_isready -q -h 127.0.0.1 -p {port}".split()
            eventually(lambda: subprocess.run(ready).returncode == 0)
            yield f"postgresql+psycopg://rollcall@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown
            server.wait(30)


def test_postgresql_end_to_end(kafka: KafkaSettings, postgresql: str) -> None:
    for version in range(1, 6):
        publish(kafka, [presence(aor, version) for aor in USERS])
    with user_center(postgresql) as (url, store):
        with running_sink(kafka, settings(f"{url}/presence", batch_max=50, timeout_seconds=10)):
            eventually(lambda: _users(store) == dict.fromkeys(USERS, 5))
        found = httpx.get(f"{url}/users/{USERS[0]}", trust_env=False).json()
        assert found["at"] == "2026-01-02T03:04:10.678901Z"
        assert found["bindings"][0]["contact"].startswith("sip:alice@")
    assert lag(kafka) == 0


def test_postgresql_concurrent_batches_end_at_the_highest_version(postgresql: str) -> None:
    """Overlapping batches in random orders from several threads: no deadlock, no step back."""
    users = [f"sip:pg{n}@example.com" for n in range(30)]
    dice = Random(11)
    records = [presence(aor, version) for aor in users for version in range(1, 21)] * 2
    dice.shuffle(records)
    batches = [records[n : n + 25] for n in range(0, len(records), 25)]
    store = Store(postgresql)

    def apply(batch: list[Presence]) -> int:
        return store.apply(batch)

    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(apply, batches))
        versions = _users(store)
        assert {aor: versions[aor] for aor in users} == dict.fromkeys(users, 20)
    finally:
        store.close()


def test_unavailable_database_is_503_with_retry_after(tmp_path: Path) -> None:
    """503 with Retry-After, not an error the sink would blame on the record."""
    with user_center(tmp_path) as (url, store):
        with store._engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE users")
        body = json.dumps([event(presence(USERS[0], 1))]).encode()
        answer = httpx.post(f"{url}/presence", content=body, headers=signed(body), trust_env=False)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
