"""Recordings on their way: something that speaks for each, and a real producer reading it."""

import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Protocol

from local.network import free_port
from local.replay.conductor import Conductor
from local.replay.draining import StreamsProgress
from local.replay.freeswitch import ReplayServer
from local.replay.kamailio import KamailioReplay
from local.replay.opensips import OpenSipsReplay
from local.replay.rtpengine import RtpengineReplay
from local.replay.sockets import SocketsReplay
from local.replay.sources import Source
from local.stack import Stack
from local.stage_process import StageProcess
from runtime.settings import BadArgument
from schemas.presence import Presence

PASSWORD = "ClueCon"


class Frame(Protocol):
    """One piece of a recording."""

    @property
    def received(self) -> int:
        """When the recorder had it, µs."""


class Server(Protocol):
    """What speaks for one recording."""

    @property
    def frames(self) -> Sequence[Frame]:
        """The recording, in order."""

    @property
    def sent_events(self) -> int:
        """How much was sent so far; `received` counts in the same way."""

    @property
    def finished(self) -> bool:
        """Whether all was sent: read before `sent_events`, which is final then."""

    def start(self) -> None:
        """Raises OSError."""

    def stop(self) -> None: ...

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings for the producer that is to read it; only after `start`."""

    def received(self, status: dict[str, Any]) -> int:
        """How much of `sent_events` that producer has read, by its /status."""


class Playing:
    """Several recordings at once, each through its own producer process."""

    def __init__(self, stack: Stack, sources: list[Source], speed: float | None) -> None:
        """Raises BadArgument when a file is no recording."""
        self._stack = stack
        self._speed = speed
        self._sources = sources
        self._servers: list[Server] = []
        self._progress: dict[int, StreamsProgress] = {}
        self._producers: list[StageProcess] = []
        # Of several kinds the order between the kinds counts: one clock for all.
        mixed = len({source.kind for source in sources}) > 1
        self._conductor = Conductor(speed, self._all_settled) if mixed else None
        for index, source in enumerate(sources):
            try:
                self._servers.append(self._server(index, source))
            except (OSError, ValueError) as error:
                raise BadArgument(f"{source.file}: {error}") from error

    def _server(self, index: int, source: Source) -> Server:
        """Raises OSError, ValueError."""
        if source.kind == "opensips":
            return OpenSipsReplay(
                source.file,
                target=("127.0.0.1", free_port()),
                speed=self._speed,
                ready=partial(self._is_ready, index),
                read=partial(self._has_read, index),
                settled=partial(self._settled, index),
                conductor=self._conductor,
            )
        if source.kind == "sockets":
            return SocketsReplay(
                source.file,
                target=("127.0.0.1", free_port()),
                speed=self._speed,
                ready=partial(self._is_ready, index),
                read=partial(self._has_read, index),
                conductor=self._conductor,
            )
        if source.kind == "kamailio":
            return KamailioReplay(
                source.file,
                speed=self._speed,
                ready=partial(self._is_connected, index),
                read=partial(self._has_read, index),
                settled=partial(self._settled, index),
                conductor=self._conductor,
            )
        if source.kind == "rtpengine":
            return RtpengineReplay(source.file, speed=self._speed, conductor=self._conductor)
        return ReplayServer(
            source.file,
            speed=self._speed,
            password=PASSWORD,
            settled=partial(self._settled, index),
            conductor=self._conductor,
        )

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
                **server.environment(source.node),
                # A spool of its own: what an earlier play left there is not this one's.
                "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(self._stack.folder / f"spool-{index}"),
            }
            label = f"{source.kind}-{source.node or index}"
            self._producers.append(self._stack.add(source.kind, environment, label))
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
        for progress in self._progress.values():
            progress.close()

    def delay(self, presence: Presence) -> float:
        """Seconds from when the recording said it to now, whatever the speed of the play.

        The end of a recording is played at its own (moved) time; earlier moments lie `speed` times
        closer to it than their times say.
        """
        now, at = time.time(), presence.at.timestamp()
        node = presence.evidence[0].partition("/")[0]
        for source, server in zip(self._sources, self._servers, strict=True):
            if not isinstance(server, ReplayServer):
                continue  # its times are the play's own
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
            if (unread := server.sent_events - server.received(status)) > 0:
                return f"{producer.log.stem}: {unread} unread"
            if _holds_back(status):
                return f"{producer.log.stem}: not yet in Kafka"
        return None

    def _settled(self, index: int, events: int, folded: bool = True) -> bool:
        """Whether the first `events` events of a source are in Kafka, and `folded` if asked.

        Called by the thread that sends the source.
        """
        status = self._producers[index].status() if index < len(self._producers) else {}
        received = self._servers[index].received
        if not status or received(status) < events or _holds_back(status):
            return False
        if not folded:
            return True
        if index not in self._progress:
            self._progress[index] = StreamsProgress(self._stack.kafka)
        return self._progress[index].settled()

    def _all_settled(self) -> bool:
        """Whether all that any source has sent is folded. Called by the senders, one at a time."""
        return all(self._settled(i, server.sent_events) for i, server in enumerate(self._servers))

    def _is_ready(self, index: int) -> bool:
        return index < len(self._producers) and self._producers[index].is_ready()

    def _is_connected(self, index: int) -> bool:
        return index < len(self._producers) and bool(
            self._producers[index].status().get("connected")
        )

    def _has_read(self, index: int, size: int) -> bool:
        status = self._producers[index].status()
        return bool(status) and self._servers[index].received(status) >= size


def _holds_back(status: dict[str, Any]) -> bool:
    """What an rtpengine's producer has read it has published: nothing is queued."""
    return bool(status.get("queued") or status["undelivered"] or status["spooled"])
