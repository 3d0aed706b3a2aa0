"""`python -m benchmarks.sinks`: rows/s into ClickHouse, deliveries/s to a user center.

Both read topics that have been written before: registrations and presence. chDB in the sink's
process; the same engine in another process by the server's protocol (`clickhouse_server.py`), or a
ClickHouse server where `--clickhouse URL` names one. The user center is the reference one, which
checks signatures and writes SQLite. The last line is one JSON object; a missing row or user ends
the run without one.
"""

import argparse
import base64
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from benchmarks.changes import Roll
from benchmarks.clickhouse_server import PASSWORD
from benchmarks.figures import finish
from benchmarks.population import Population
from benchmarks.scene import READY_SECONDS, NotReached, Scene, progress, wait
from local.network import free_port
from local.stage_process import StageProcess
from schemas.topics import PRESENCE, REGISTRATIONS

# So often a sink's /status is read.
POLL_SECONDS = 0.25
TIMEOUT_SECONDS = 300.0


def rate(sink: StageProcess, done: Callable[[], int], total: int) -> int:
    """The rate a second from the sink's readiness until all is done. Raises NotReached."""
    sink.start()
    sink.wait_ready(time.monotonic() + READY_SECONDS)
    began = time.monotonic()

    def is_done() -> bool:
        time.sleep(POLL_SECONDS)
        return done() >= total

    wait(is_done, TIMEOUT_SECONDS, f"all done by {sink.stage}")
    return round(total / (time.monotonic() - began))


def measure_clickhouse(scene: Scene, users: int, label: str, **store: str) -> dict[str, Any]:
    """Two records a user: a registration and a presence record."""
    progress(f"{label}...")
    sink = scene.prepare_stage("clickhouse", label, **store)
    topics = [scene.kafka.name(topic) for topic in (REGISTRATIONS, PRESENCE)]

    def done() -> int:
        offsets = sink.status().get("next_offsets", {})
        return sum(sum(offsets.get(topic, {}).values()) for topic in topics)

    found = rate(sink, done, 2 * users)
    wait(lambda: sink.status().get("rows", {}).get("presence") == users, 60, "all users' presence")
    rows = sink.status()["rows"]
    sink.stop()
    if rows["registrations"] != users:
        raise NotReached(f"{rows} for {users} users")
    return {"rows_per_second": found, "rows": 2 * users}


@contextmanager
def server(scene: Scene, url: str | None) -> Iterator[dict[str, str]]:
    """The sink's settings for the server at `url`, else for one in the block."""
    if url:
        database = f"benchmark_{secrets.token_hex(4)}"
        yield {"ROLLCALL_CLICKHOUSE_URL": url, "ROLLCALL_CLICKHOUSE_DATABASE": database}
        return
    command = [sys.executable, "-m", "benchmarks.clickhouse_server", str(scene.folder / "server")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield {
                "ROLLCALL_CLICKHOUSE_URL": process.stdout.readline().strip(),
                "ROLLCALL_CLICKHOUSE_PASSWORD": PASSWORD,
            }
        finally:
            process.terminate()


_TOKEN = "a-token-for-the-benchmark"


def measure_user_center(scene: Scene, users: int) -> dict[str, Any]:
    progress("the user center...")
    port, secret = free_port(), "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    url = f"http://127.0.0.1:{port}"
    scene.stage(
        "reference-user-center",
        ROLLCALL_REFERENCE_USER_CENTER_PORT=str(port),
        ROLLCALL_REFERENCE_USER_CENTER_DATA=str(scene.folder),
        ROLLCALL_REFERENCE_USER_CENTER_SECRET=secret,
        ROLLCALL_REFERENCE_USER_CENTER_TOKEN=_TOKEN,
    )
    sink = scene.prepare_stage(
        "user-center",
        ROLLCALL_USER_CENTER_URL=f"{url}/presence",
        ROLLCALL_USER_CENTER_SECRET=secret,
    )
    found = rate(sink, lambda: _delivered(sink), users)
    if (known := _users_at(url)) != users:
        raise NotReached(f"the user center has {known} of {users} users as reachable")
    return {"deliveries_per_second": found, "deliveries": users}


def _delivered(sink: StageProcess) -> int:
    return int(sink.status().get("delivered", 0))


def _users_at(url: str) -> int:
    """The number of reachable users at the center, read page by page."""
    count, after = 0, None
    headers = {"authorization": f"Bearer {_TOKEN}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        while True:
            query = {"limit": "1000", "reachable": "true"} | ({"after": after} if after else {})
            page = client.get("/users", params=query).json()
            count, after = count + len(page["users"]), page["next"]
            if after is None:
                return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--clickhouse", help="URL of a server to measure instead")
    arguments = parser.parse_args()
    users = arguments.users
    result: dict[str, Any] = {"users": users}
    with Scene() as scene:
        population = Population(users)
        scene.send(REGISTRATIONS, population.registrations(range(users)))
        scene.send(PRESENCE, Roll(population).first())
        folder = str(scene.folder / "clickhouse")
        result["chdb"] = measure_clickhouse(scene, users, "chdb", ROLLCALL_CLICKHOUSE_FOLDER=folder)
        with server(scene, arguments.clickhouse) as settings:
            result["server"] = measure_clickhouse(scene, users, "server", **settings)
        result["user_center"] = measure_user_center(scene, users)
    finish(result | {"wrong": 0})


if __name__ == "__main__":
    main()
