"""`rollcall demo`: plays recorded switches through the whole stack, with a live board."""

import shutil
import signal
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import typer
from rich.console import Console

from cli.board import Board
from cli.console import DEMO_FOLDER
from cli.errors import ReplayTimeout
from cli.next_commands import next_commands
from local.demo import CATCH_UP_SECONDS, clickhouse_rows, recordings, user_center_agreement
from local.interrupt import ended_within
from local.replay.playing import Playing
from local.replay.sources import Source
from local.replay.streams_progress import StreamsProgress
from local.stack import END_SECONDS, Stack
from local.stack_file import read_stack
from operate.presence_log import Subscriber, present
from runtime.log_reader import from_now_on
from schemas.presence import Presence
from schemas.topics import PRESENCE


def demo(folder: Path, seconds: float) -> None:
    """Play for about `seconds` in a stack of its own, and sum up. Raises what cli.errors lists."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave a stack
        signal.signal(number, lambda *_: sys.exit(143))
    sources = recordings()
    folder = folder / DEMO_FOLDER.name
    if read_stack(folder) is None:
        # The recordings have the same events each time: old data would make them repeats.
        shutil.rmtree(folder, ignore_errors=True)
    stack = Stack(folder, typer.echo, isolated=True)
    with ended_within(END_SECONDS, partial(stack.abort, 0.0)):
        users = _run(stack, sources, seconds)
    typer.echo(
        "The recordings have ended, and the stack has stopped. Its data and logs stay in "
        f"{folder} until the next demo. Ask them:"
    )
    for command in next_commands(folder, users.values()):
        typer.echo(f"  {command}")
    typer.echo("`make up` starts a stack that keeps running.")


def _run(stack: Stack, sources: list[Source], seconds: float) -> dict[str, Presence]:
    """Start, play, sum up and stop; the users' last presence."""
    console = Console()
    try:
        stack.start()
        typer.echo(f"the board, until the demo ends: {stack.gateway_url}/")
        board = _play(stack, sources, seconds, console)
        users = present(stack.kafka)
        _sum_up(stack, board, users, console)
        stack.stop()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            typer.echo("stopping…")
        stack.abort()
        raise
    return users


def _play(stack: Stack, sources: list[Source], seconds: float, console: Console) -> Board:
    longest = Playing(stack, sources, 1.0).seconds
    speed = max(1.0, longest / seconds)
    typer.echo(
        f"playing {len(sources)} recorded FreeSWITCH nodes, {longest:.0f} s in {seconds:.0f} s"
        " (their times are moved to end now)"
    )
    kafka = stack.kafka
    reader = from_now_on(kafka, PRESENCE, "cli")
    subscriber = Subscriber()
    progress = StreamsProgress(kafka)
    with Board(console, "Rollcall") as board, Playing(stack, sources, speed) as playing:
        deadline = time.monotonic() + seconds + CATCH_UP_SECONDS
        while (left := playing.unfinished() or progress.behind()) is not None:
            until = time.monotonic() + 0.25
            while time.monotonic() < until:
                for presence in subscriber.news(reader.follow(0.05)):
                    board.add(presence, playing.delay(presence))
            board.refresh()
            stack.watch()
            if time.monotonic() > deadline:
                raise ReplayTimeout(f"the demo did not end in time: {left}")
        for presence in subscriber.news(reader.read_on()):
            board.add(presence, playing.delay(presence))
    progress.close()
    reader.close()
    return board


def _sum_up(stack: Stack, board: Board, users: dict[str, Presence], console: Console) -> None:
    console.rule("summary")
    reachable = sum(presence.reachable for presence in users.values())
    console.print(f"users      {len(users)}, {reachable} reachable at the end")
    causes = ", ".join(f"{cause} {count}" for cause, count in board.causes.most_common())
    console.print(f"changes    {sum(board.causes.values())}: {causes}")
    late = board.delays
    if len(late) > 1:
        console.print(
            f"delay      median {statistics.median(late) * 1000:.0f} ms, "
            f"95 % within {statistics.quantiles(late, n=20)[-1] * 1000:.0f} ms, from the "
            "recorded event (its timestamp is up to 20 ms late) to the subscriber"
        )
    console.print(f"ClickHouse {clickhouse_rows(stack, users)}")
    console.print(f"user center {user_center_agreement(stack, users)}")
