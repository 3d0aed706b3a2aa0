"""`rollcall dial`: asks for a call, and prints its timeline until it has an outcome."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from getpass import getpass, getuser
from typing import Any
from uuid import uuid4

import typer

from cli.console import canonical
from cli.kafka import reachable_kafka
from runtime.dial_commands import DialCommands
from runtime.kafka import KafkaSettings
from runtime.log_reader import LogReader
from runtime.settings import BadArgument
from runtime.topic_parts import Part
from schemas.codec import InvalidRecord, build, decode, encode
from schemas.dialling import DialCommand, DialResult, DialStep
from schemas.topics import DIAL_RESULTS
from schemas.vocabulary import DialOutcome, DialState

_QUIET_SECONDS = 30.0


def dial(target: str, number: str, extension: str, options: dict[str, Any], as_json: bool) -> bool:
    """Whether the call was connected. Raises BadArgument, BadSettings, KafkaUnavailable."""
    command = _command(target, number, extension, options)
    kafka = reachable_kafka()
    for steps, result in _followed(kafka, command):
        for step in [] if as_json else steps:
            typer.echo(f"{step.after_ms / 1000:8.3f}  {step.kind}  {step.detail or ''}".rstrip())
        if result.state is DialState.ENDED:
            if as_json:
                sys.stdout.write(encode(result).decode() + "\n")
            else:
                typer.echo(_summary(result))
            return result.outcome is DialOutcome.CONNECTED
    raise BadArgument(
        f"no answer to {command.key}: does `rollcall run dialling` run? The call may still be "
        "made; the same --key asks for its result"
    )


def _command(target: str, number: str, extension: str, options: dict[str, Any]) -> DialCommand:
    if extension == "-":
        # Not in the shell's history.
        extension = getpass("extension: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    key = options.pop("key") or str(uuid4())
    is_user = "@" in target
    if not is_user and options.get("gateway"):
        raise BadArgument(f"{target} is a gateway already: --gateway is for a user's call")
    who: dict[str, Any] = {"user": canonical(target)} if is_user else {"gateway": target}
    try:
        return build(
            DialCommand,
            key=key,
            client=f"cli:{getuser()}",
            at=datetime.now(UTC),
            number=number,
            extension=extension,
            **who,
            **{name: value for name, value in options.items() if value is not None},
        )
    except InvalidRecord as error:
        # pydantic's text names the pattern, not the value.
        raise BadArgument(f"{error.field}: {error.reason}") from error


def _followed(
    kafka: KafkaSettings, command: DialCommand
) -> Iterator[tuple[list[DialStep], DialResult]]:
    """Each result of the key, with the steps that the one before had not."""
    reader, shown = LogReader(kafka, [Part(DIAL_RESULTS)], "cli"), 0
    try:
        DialCommands(kafka).send(command)
        deadline = time.monotonic() + _QUIET_SECONDS
        while time.monotonic() < deadline:
            for message in reader.follow(0.2):
                if message.key() != command.key.encode() or (value := message.value()) is None:
                    continue
                result = decode(DialResult, value)
                # It goes on: the longest ring, greeting and attempts.
                deadline = time.monotonic() + 6 * _QUIET_SECONDS
                yield result.timeline[shown:], result
                shown = len(result.timeline)
    finally:
        reader.close()


def _summary(result: DialResult) -> str:
    cause = f" ({result.cause})" if result.cause else ""
    return (
        f"{result.outcome}{cause}: {result.digits_confirmed} of {result.digits} digits confirmed, "
        f"{result.attempts} attempts, on {result.node or 'no node'}; {result.key}"
    )
