"""Where a replay writes: a temporary Kafka of its own, unless `--into` names another."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import typer

from cli.console import DEFAULT_FOLDER
from local.interrupt import ended_within
from local.stack import END_SECONDS, Stack, kafka_of
from local.stack_file import STACK_FILE, read_stack
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.kafka_reach import require_kafka
from runtime.settings import BadArgument, load

# What `--into` takes for the stack that runs in this folder.
HERE = "stack"
_SERVERS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s,:/\[\]]+):[0-9]{1,5}")


@contextmanager
def replay_stack(into: str | None) -> Iterator[Stack]:
    """A stack to play into, after its place has been printed; its processes stop at the end.

    `into` None: a Kafka and streams of its own, in a temporary folder, whatever the settings name.
    Raises BadArgument, KafkaUnavailable, KafkaMisconfigured and what Stack.start raises.
    """
    kafka = _named(into) if into is not None else None
    with tempfile.TemporaryDirectory(prefix="rollcall-replay-") as folder:
        stack = Stack(Path(folder), _note, ("streams",), isolated=kafka is None)
        with ended_within(END_SECONDS, partial(_remove, stack)), _aborted_on_error(stack):
            if kafka is None:
                _note(
                    "replaying into a temporary Kafka of its own, which is deleted at the end"
                    + (f" (--into {HERE}: into the stack that runs here)" if _runs_here() else "")
                )
                stack.start()
            else:
                require_kafka(kafka)
                stack.kafka = kafka
                ensure_topics(kafka)
                prefix = f", topics with the prefix {kafka.namespace}" if kafka.namespace else ""
                _note(f"replaying into Kafka at {kafka.bootstrap_servers}{prefix}")
            yield stack
            stack.stop()


@contextmanager
def _aborted_on_error(stack: Stack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stack.abort()
        raise


def _remove(stack: Stack) -> None:
    """What the end of the command would have done, at once."""
    stack.abort(0.0)
    shutil.rmtree(stack.folder, ignore_errors=True)


def _named(into: str) -> KafkaSettings:
    """The Kafka of the stack or of the addresses that `into` names. Raises BadArgument."""
    if into == HERE:
        return _of_stack(DEFAULT_FOLDER, into)
    path = Path(into)
    if into and path.is_dir():
        return _of_stack(path, into)
    if path.name == STACK_FILE:
        return _of_stack(path.parent, into)
    if all(_SERVERS.fullmatch(address) for address in into.split(",")):
        return load(KafkaSettings, bootstrap_servers=into)
    raise BadArgument(
        f"--into {into[:100]!r} is neither {HERE}, nor the folder or {STACK_FILE} of a stack, nor "
        "HOST:PORT of a Kafka"
    )


def _of_stack(folder: Path, into: str) -> KafkaSettings:
    running = read_stack(folder)
    if running is None:
        raise BadArgument(f"--into {into}: no stack runs in {folder}; `rollcall up` starts one")
    return kafka_of(running)


def _runs_here() -> bool:
    return read_stack(DEFAULT_FOLDER) is not None


def _note(text: str) -> None:
    typer.echo(text, err=True)
