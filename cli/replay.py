"""`rollcall replay`: plays recordings to the real producers; prints what a subscriber reads."""

import math
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Self

import typer
from confluent_kafka import Message

from cli.console import DEFAULT_FOLDER, emit
from cli.rendering import as_json, as_line
from cli.replay_into import replay_stack
from cli.replay_patience import STALL_SECONDS, Patience
from local.replay.playing import Playing
from local.replay.sources import parse_sources
from local.replay.streams_progress import StreamsProgress
from local.stack import Stack
from operate.folded_calls import FoldedCalls
from operate.presence_log import Subscriber
from runtime.kafka import KafkaSettings
from runtime.log_reader import from_now_on
from runtime.settings import BadArgument
from schemas.codec import encode
from schemas.presence import Presence
from schemas.topics import PRESENCE


def replay(
    sources: list[str],
    nodes: list[str],
    speed: float | None,
    into: str | None,
    json_lines: bool,
    calls: bool,
) -> None:
    """Play, wait until everything is processed, print.

    `into`: cli.replay_into. Raises BadArgument, ReplayTimeout, and what replay_stack raises.
    """
    parsed = parse_sources(sources, nodes)
    if speed is not None and not 0 < speed < math.inf:
        raise BadArgument("--speed must be above 0, and a number")
    # A file that is not a recording is refused before anything is started.
    Playing(Stack(DEFAULT_FOLDER, typer.echo), parsed, speed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: everything is stopped
    with replay_stack(into) as stack:
        kafka = stack.kafka
        folded = FoldedCalls(kafka)
        with _Shown(kafka, json_lines=None if calls else json_lines) as shown:
            _play(stack, Playing(stack, parsed, speed), shown)
        if calls:
            for record in folded.read():
                typer.echo(encode(record).decode())
        elif not shown.count:
            _note_nothing_new(into)


class _Shown:
    """Prints each change of presence from now on, as a subscriber reads it."""

    def __init__(self, kafka: KafkaSettings, *, json_lines: bool | None) -> None:
        """`json_lines`: whether each is JSON; None: none is printed, they are only counted."""
        self._changes = from_now_on(kafka, PRESENCE, "cli")
        self._subscriber = Subscriber()
        self._json_lines = json_lines
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._changes.close()

    def poll(self, timeout: float) -> None:
        """Show what comes within `timeout` seconds."""
        self._show(self._changes.follow(timeout))

    def read_to_end(self) -> None:
        """Show all there is."""
        self._show(self._changes.read_on())

    def _show(self, messages: Iterable[Message]) -> None:
        for presence in self._subscriber.news(messages):
            self.count += 1
            if self._json_lines is not None:
                _print(presence, self._json_lines)


def _play(stack: Stack, playing: Playing, shown: _Shown) -> None:
    """Play, and return when everything is processed and shown. Raises ReplayTimeout."""

    def so_far() -> str:
        return f"{playing.share_sent:.0%} sent, {shown.count} changes"

    def wait(left: Callable[[], str | None], timeout: float) -> None:
        patience = Patience(STALL_SECONDS + playing.longest_pause)
        while (what := left()) is not None:
            shown.poll(timeout)
            stack.watch()
            patience.wait(what, so_far)

    with playing:
        wait(playing.unfinished, 0.05)
    progress = StreamsProgress(stack.kafka)
    wait(progress.behind, 0.3)
    progress.close()
    shown.read_to_end()


def _note_nothing_new(into: str | None) -> None:
    again = " there: events played before are known" if into is not None else ""
    typer.echo(f"nobody's presence has changed{again}", err=True)


def _print(presence: Presence, json_lines: bool) -> None:
    if json_lines:
        emit(as_json(presence))
    else:
        typer.echo(as_line(presence))
