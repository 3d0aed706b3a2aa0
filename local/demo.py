"""The demo's recordings, and the comparison of its sinks with presence at the end."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from local.replay.sources import Source
from local.stack import Stack
from runtime.settings import BadArgument
from schemas.presence import Presence

CAPTURES = Path(__file__).parents[1] / "tests" / "captures" / "freeswitch"
# One node each; users roam between them, as in a cluster.
NODES = {
    "fs-berlin": "calls",
    "fs-madrid": "reg_tcp_multi",
    "fs-oslo": "reg_sockclose_on",
    "fs-porto": "reg_rst_netchange_off",
    "fs-wien": "options_ping",
}
CATCH_UP_SECONDS = 60.0


def recordings() -> list[Source]:
    """The recordings of the demo's nodes. Raises BadArgument where the source tree is missing."""
    sources = [Source("freeswitch", CAPTURES / f"{c}.json", node) for node, c in NODES.items()]
    if missing := [str(source.file) for source in sources if not source.file.is_file()]:
        raise BadArgument(f"the demo plays recordings of the source tree; not found: {missing}")
    return sources


def clickhouse_rows(stack: Stack, users: dict[str, Presence]) -> str:
    """The number of rows by view, once every user has one; or that they are missing."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        rows: dict[str, Any] = stack.stages["clickhouse"].status().get("rows") or {}
        if (rows.get("presence") or 0) >= len(users):
            return "rows: " + ", ".join(f"{view} {count}" for view, count in rows.items())
        if time.monotonic() > deadline:
            return f"has not caught up: {rows}"
        time.sleep(0.2)


def user_center_agreement(stack: Stack, users: dict[str, Presence]) -> str:
    """Whether the user center has every user's presence, and which users differ."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        differing = [p.aor for p in users.values() if not _agrees(stack.user_center_url, p)]
        if not differing:
            return f"agrees on all {len(users)} users"
        if time.monotonic() > deadline:
            return f"differs on {differing}"
        time.sleep(0.2)


def _agrees(url: str, presence: Presence) -> bool:
    try:
        answer = httpx.get(f"{url}/users/{quote(presence.aor)}", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    if not answer.is_success:
        return False
    found = answer.json()
    return bool(
        found["version"] == presence.version
        and found["status"] == presence.status
        and found["reachable"] == presence.reachable
    )
