"""Recordings on their way: an event socket that speaks for each, and a real producer reading it."""

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from local.errors import BadArgument
from local.replay_server import ReplayServer
from local.stack import Stack
from local.stage_process import StageProcess
from schemas.presence import Presence

KINDS = ("freeswitch",)
PASSWORD = "ClueCon"


@dataclass(frozen=True)
class Source:
    """One recording of one node. `node` None: the switch's own name."""

    kind: str
    file: Path
    node: str | None


def parse_sources(arguments: list[str], nodes: list[str]) -> list[Source]:
    """`freeswitch=FILE` arguments with their nodes' names. Raises BadArgument."""
    if len(nodes) > len(arguments):
        raise BadArgument("more --node than sources")
    sources = []
    for index, argument in enumerate(arguments):
        kind, equals, name = argument.partition("=")
        if not equals or kind not in KINDS:
            raise BadArgument(f"{argument!r} is not SOURCE=FILE with SOURCE one of {KINDS}")
        file = Path(name)
        if not file.is_file():
            raise BadArgument(f"no file {file}")
        alone = None if len(arguments) == 1 else file.name.partition(".")[0]
        sources.append(Source(kind, file, nodes[index] if index < len(nodes) else alone))
    return sources


class Playing:
    """Several recordings at once, each through its own producer process."""

    def __init__(self, stack: Stack, sources: list[Source], speed: float | None) -> None:
        """Raises BadArgument when a file is no recording."""
        self._stack = stack
        self._speed = speed
        self._sources = sources
        self._servers: list[ReplayServer] = []
        self._producers: list[StageProcess] = []
        for source in sources:
            try:
                server = ReplayServer(source.file, speed=speed, password=PASSWORD)
            except (OSError, ValueError) as error:
                raise BadArgument(f"{source.file}: {error}") from error
            self._servers.append(server)

    @property
    def seconds(self) -> float:
        """How long the longest recording plays."""
        if self._speed is None:
            return 0.0
        spans = [s.frames[-1].received - s.frames[0].received for s in self._servers]
        return max(spans) / 1e6 / self._speed

    def __enter__(self) -> "Playing":
        for index, (source, server) in enumerate(zip(self._sources, self._servers, strict=True)):
            server.start()
            environment = {
                "ROLLCALL_FREESWITCH_HOST": "127.0.0.1",
                "ROLLCALL_FREESWITCH_PORT": str(server.port),
                "ROLLCALL_FREESWITCH_PASSWORD": PASSWORD,
                # A spool of its own: what an earlier play left there is not this one's.
                "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(self._stack.folder / f"spool-{index}"),
            }
            if source.node:
                environment["ROLLCALL_FREESWITCH_NODE"] = source.node
            label = f"freeswitch-{source.node or index}"
            self._producers.append(self._stack.add("freeswitch", environment, label))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for producer in self._producers:
            producer.stop()
            self._stack.forget(producer)
        for server in self._servers:
            server.stop()

    def delay(self, presence: Presence) -> float:
        """Seconds from when the recording said it to now, whatever the speed of the play.

        The end of a recording is played at its own (moved) time; earlier moments lie `speed` times
        closer to it than their times say.
        """
        now, at = time.time(), presence.at.timestamp()
        node = presence.evidence[0].partition("/")[0]
        for source, server in zip(self._sources, self._servers, strict=True):
            if self._speed and source.node == node and server.shift is not None:
                end = (server.frames[-1].at + server.shift) / 1e6
                return now - (end - (end - at) / self._speed)
        return now - at

    def unfinished(self) -> str | None:
        """What is still on its way to Kafka, in words; None when nothing is."""
        for server, producer in zip(self._servers, self._producers, strict=True):
            if not server.finished:
                return f"{producer.log.stem}: {server.sent_events} events sent so far"
            status = producer.status()
            if not status:
                return f"{producer.log.stem}: its producer does not answer; see {producer.log}"
            if status["received"] < server.sent_events:
                return f"{producer.log.stem}: {server.sent_events - status['received']} unread"
            if status["queued"] or status["undelivered"] or status["spooled"]:
                return f"{producer.log.stem}: not yet in Kafka"
        return None
