"""`rollcall demo`: recorded switches played into the whole stack, watched on a live board."""

import shutil
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console

from local.board import Board
from local.commands.who import present
from local.draining import StreamsProgress
from local.errors import BadArgument, NotDrained
from local.playing import Playing
from local.presence_log import Subscriber, TopicReader, end_offsets
from local.sources import Source
from local.stack import Stack, read_stack
from schemas.presence import Presence
from schemas.topics import PRESENCE

CAPTURES = Path(__file__).parents[2] / "tests" / "captures" / "freeswitch"
# One node each; the same users roam between them, as they do in a cluster.
NODES = {
    "fs-berlin": "calls",
    "fs-madrid": "reg_tcp_multi",
    "fs-oslo": "reg_sockclose_on",
    "fs-porto": "reg_rst_netchange_off",
    "fs-wien": "options_ping",
}
SETTLE_SECONDS = 60.0


def demo(folder: Path, seconds: float) -> None:
    """Start, play for about `seconds`, sum up, stop. Raises what local.errors lists."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave a stack
        signal.signal(number, lambda *_: sys.exit(143))
    sources = [Source("freeswitch", CAPTURES / f"{c}.json", node) for node, c in NODES.items()]
    if missing := [str(source.file) for source in sources if not source.file.is_file()]:
        raise BadArgument(f"the demo plays recordings of the source tree; not found: {missing}")
    console = Console()
    folder = folder / "demo"
    if read_stack(folder) is None:
        # The recordings' events are the same each time: what knows them already learns nothing.
        shutil.rmtree(folder, ignore_errors=True)
    stack = Stack(folder, typer.echo)
    stack.start()
    try:
        board = _play(stack, sources, seconds, console)
        _sum_up(stack, board, console)
    except KeyboardInterrupt:
        typer.echo("stopping…")
    finally:
        stack.stop()


def _play(stack: Stack, sources: list[Source], seconds: float, console: Console) -> Board:
    longest = Playing(stack, sources, 1.0).seconds
    speed = max(1.0, longest / seconds)
    typer.echo(
        f"playing {len(sources)} recorded FreeSWITCH nodes, {longest:.0f} s in {seconds:.0f} s"
        " (times are the recordings', moved to end now)"
    )
    kafka = stack.kafka
    reader = TopicReader(kafka, PRESENCE, end_offsets(kafka, PRESENCE))
    subscriber = Subscriber()
    progress = StreamsProgress(kafka)
    with Board(console, "Rollcall") as board, Playing(stack, sources, speed) as playing:
        deadline = time.monotonic() + seconds + SETTLE_SECONDS
        while (left := playing.unfinished() or progress.behind()) is not None:
            until = time.monotonic() + 0.25
            while time.monotonic() < until:
                for presence in subscriber.news(reader.poll(0.05)):
                    board.add(presence, playing.delay(presence))
            board.refresh()
            stack.watch()
            if time.monotonic() > deadline:
                raise NotDrained(f"the demo did not come to its end: {left}")
        for presence in subscriber.news(reader.read_to_end()):
            board.add(presence, playing.delay(presence))
    progress.close()
    reader.close()
    return board


def _sum_up(stack: Stack, board: Board, console: Console) -> None:
    console.rule("summary")
    users = present(stack.kafka)
    reachable = sum(presence.reachable for presence in users.values())
    console.print(f"users      {len(users)}, {reachable} reachable at the end")
    causes = ", ".join(f"{cause} {count}" for cause, count in board.causes.most_common())
    console.print(f"changes    {sum(board.causes.values())}: {causes}")
    late = board.delays
    if len(late) > 1:
        console.print(
            f"delay      median {statistics.median(late) * 1000:.0f} ms, "
            f"95 % within {statistics.quantiles(late, n=20)[-1] * 1000:.0f} ms, from the moment "
            "the recording says it (own timestamps: up to 20 ms behind) to the subscriber"
        )
    console.print(f"ClickHouse {_clickhouse_rows(stack, users)}")
    console.print(f"user center {_agreement(stack, users)}")
    console.print(
        f"logs stay in {stack.folder}/logs until the next demo; `make up` keeps a stack running"
    )


def _clickhouse_rows(stack: Stack, users: dict[str, Presence]) -> str:
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        rows: dict[str, Any] = stack.stages["clickhouse"].status().get("rows") or {}
        if (rows.get("presence") or 0) >= len(users):
            return "rows: " + ", ".join(f"{view} {count}" for view, count in rows.items())
        if time.monotonic() > deadline:
            return f"has not caught up: {rows}"
        time.sleep(0.2)


def _agreement(stack: Stack, users: dict[str, Presence]) -> str:
    """Compare every user's presence with what the user center answers."""
    deadline = time.monotonic() + SETTLE_SECONDS
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
