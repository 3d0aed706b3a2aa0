"""`rollcall replay`: plays recordings to the real producers; prints what a subscriber reads."""

import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from cli.console import DEFAULT_FOLDER, emit
from cli.errors import ReplayTimeout
from cli.kafka import kafka_settings
from cli.rendering import as_json, as_line
from local.replay.playing import Playing
from local.replay.sources import parse_sources
from local.replay.streams_progress import StreamsProgress
from local.stack import Stack
from local.stack_file import read_stack
from operate.call_records import CallBook
from operate.presence_log import Subscriber, records
from operate.speech_records import SpeechBook
from operate.topic_reader import TopicReader, end_offsets
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.kafka_reach import require_kafka
from runtime.settings import BadArgument
from schemas.call import CallEvent
from schemas.presence import Presence
from schemas.speech import SpeechEvent
from schemas.topics import CALLS, PRESENCE, SPEECH

FOLD_SECONDS = 120.0


def replay(
    sources: list[str], nodes: list[str], speed: float | None, json_lines: bool, calls: bool
) -> None:
    """Play, wait until everything is processed, print. Raises BadArgument, ReplayTimeout."""
    parsed = parse_sources(sources, nodes)
    if speed is not None and speed <= 0:
        raise BadArgument("--speed must be above 0")
    # A file that is not a recording is refused before anything is started.
    Playing(Stack(DEFAULT_FOLDER, typer.echo), parsed, speed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: everything is stopped
    with _stack() as stack:
        kafka = stack.kafka
        before_presence, before_calls = end_offsets(kafka, PRESENCE), end_offsets(kafka, CALLS)
        before_speech = end_offsets(kafka, SPEECH)
        changes = TopicReader(kafka, PRESENCE, before_presence)
        subscriber = Subscriber()

        def show(timeout: float) -> None:
            for presence in subscriber.news(changes.poll(timeout)):
                if not calls:
                    _print(presence, json_lines)

        with Playing(stack, parsed, speed) as playing:
            _wait(playing.unfinished, lambda: show(0.05), stack, playing.seconds + FOLD_SECONDS)
        progress = StreamsProgress(kafka)
        _wait(progress.behind, lambda: show(0.3), stack, FOLD_SECONDS)
        progress.close()
        for presence in subscriber.news(changes.read_to_end()):
            if not calls:
                _print(presence, json_lines)
        changes.close()
        if calls:
            _print_calls(kafka, before_calls, before_speech, json_lines)


@contextlib.contextmanager
def _stack() -> Iterator[Stack]:
    """A stack that uses the configured or running Kafka; else a temporary one with streams only."""
    kafka = kafka_settings(DEFAULT_FOLDER)
    running = read_stack(DEFAULT_FOLDER)
    is_existing = running is not None or "bootstrap_servers" in kafka.model_fields_set
    with tempfile.TemporaryDirectory(prefix="rollcall-replay-") as folder:
        stack = Stack(Path(folder), lambda text: typer.echo(text, err=True), ("streams",))
        if is_existing:
            require_kafka(kafka)
            stack.kafka = kafka
            ensure_topics(kafka)
        else:
            stack.start()
        try:
            yield stack
        finally:
            stack.stop()


def _wait(
    left: Callable[[], str | None], meanwhile: Callable[[], None], stack: Stack, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while (what := left()) is not None:
        meanwhile()
        stack.watch()
        if time.monotonic() > deadline:
            raise ReplayTimeout(f"after {seconds:.0f} s not processed: {what}")


def _print(presence: Presence, json_lines: bool) -> None:
    if json_lines:
        emit(as_json(presence))
    else:
        typer.echo(as_line(presence))


def _print_calls(
    kafka: KafkaSettings, calls: dict[int, int], speech: dict[int, int], json_lines: bool
) -> None:
    """The calls from these offsets on, with their speech sessions."""
    reader, sessions = TopicReader(kafka, CALLS, calls), TopicReader(kafka, SPEECH, speech)
    book, spoken = CallBook(), SpeechBook()
    book.apply(records(CallEvent, reader.read_to_end()))
    spoken.apply(records(SpeechEvent, sessions.read_to_end()))
    reader.close()
    sessions.close()
    for record in book.records(spoken):
        if json_lines:
            emit(record)
        else:
            typer.echo(json.dumps(record, ensure_ascii=False))
