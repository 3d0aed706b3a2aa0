"""Plays recordings: serves each one, and starts a real producer that reads it."""

import time
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import TracebackType
from typing import Any

from local.network import free_port
from local.replay.conductor import PAUSE_MAX, Conductor
from local.replay.freeswitch import FreeSwitchReplay
from local.replay.kamailio import KamailioReplay
from local.replay.kinds import not_of_kind
from local.replay.mrcp import MrcpReplay
from local.replay.opensips import OpenSipsReplay
from local.replay.pace import Feedback
from local.replay.recorded_server import RecordedServer
from local.replay.rtpengine import RtpengineReplay
from local.replay.sockets import SocketsReplay
from local.replay.sources import Source
from local.replay.streams_progress import StreamsProgress
from local.stack import Stack
from local.stage_process import StageProcess
from producers.mrcp.settings import MrcpSettings
from runtime.settings import BadArgument, load
from schemas.presence import Presence

PASSWORD = "ClueCon"
# FreeSWITCH's clock: an event may be played so much before its time.
_CLOCK_STEP_SECONDS = 0.02


class Playing:
    """Plays several recordings at once, each through its own producer process."""

    def __init__(self, stack: Stack, sources: list[Source], speed: float | None) -> None:
        """Raises BadArgument when a file is not a recording, OSError when it cannot be read, and
        BadSettings where `[mrcp]` is wrong."""
        self._stack = stack
        self._speed = speed
        self._sources = sources
        self._servers: list[RecordedServer] = []
        self._progress: dict[int, StreamsProgress] = {}
        self._producers: list[StageProcess] = []
        # With several kinds the order between them counts: they need one clock.
        mixed = len({source.kind for source in sources}) > 1
        self._conductor = Conductor(speed, self._all_processed) if mixed else None
        for index, source in enumerate(sources):
            try:
                self._servers.append(self._server(index, source))
            except ValueError as error:
                raise BadArgument(not_of_kind(source.kind, source.file, error)) from error

    def _server(self, index: int, source: Source) -> RecordedServer:
        """Raises OSError, ValueError, BadSettings."""
        file, speed, conductor = source.file, self._speed, self._conductor
        processed = partial(self._processed, index)
        feedback = Feedback(
            partial(self._is_ready, index), partial(self._has_read, index), processed
        )
        match source.kind:
            case "opensips" | "sockets":
                replay = OpenSipsReplay if source.kind == "opensips" else SocketsReplay
                target = "127.0.0.1", free_port()
                return replay(
                    file, target=target, speed=speed, feedback=feedback, conductor=conductor
                )
            case "kamailio":
                feedback = replace(feedback, ready=partial(self._is_connected, index))
                return KamailioReplay(file, speed=speed, feedback=feedback, conductor=conductor)
            case "rtpengine":
                return RtpengineReplay(file, speed=speed, conductor=conductor)
            case "mrcp":
                return MrcpReplay(
                    file,
                    log=self._stack.folder / f"mrcp-{index}.log",
                    zone=load(MrcpSettings, node="mrcp", log=file).zone(),
                    speed=speed,
                    feedback=feedback,
                    conductor=conductor,
                )
        return FreeSwitchReplay(
            file, speed=speed, password=PASSWORD, processed=processed, conductor=conductor
        )

    @property
    def seconds(self) -> float:
        """How long the longest recording plays, in seconds."""
        if self._speed is None:
            return 0.0
        spans = [s.frames[-1].received - s.frames[0].received for s in self._servers]
        return max(spans) / 1e6 / self._speed

    @property
    def longest_pause(self) -> float:
        """The longest time without an event, in seconds of the play."""
        if self._speed is None:
            return PAUSE_MAX
        times = sorted(frame.received for server in self._servers for frame in server.frames)
        return max((b - a for a, b in pairwise(times)), default=0) / 1e6 / self._speed

    @property
    def share_sent(self) -> float:
        """How much of the recordings has been sent, from 0 to 1."""
        shares = [
            1.0 if one.finished else min(1.0, one.sent_events / max(1, one.total_events))
            for one in self._servers
        ]
        return sum(shares) / len(shares)

    def __enter__(self) -> "Playing":
        for index, (source, server) in enumerate(zip(self._sources, self._servers, strict=True)):
            server.start()
            environment = {
                **server.environment(source.node),
                # Its own spool, without records that an earlier play left.
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
            producer.terminate()
        if error is None:  # after an error or Ctrl-C the stack is aborted, and they with it
            for producer in self._producers:
                producer.stop()
                self._stack.forget(producer)
        for server in self._servers:
            server.stop()
        for progress in self._progress.values():
            progress.close()

    def delay(self, presence: Presence) -> float | None:
        """Seconds from the recorded event of a presence record to now, at any speed.

        None where the record's time is later than its event: `at` never goes back, and another
        node's event had a later one. The end of a recording is played at its own (moved) time; at
        another speed, earlier events are played `speed` times closer to the end than their times
        are.
        """
        seconds = time.time() - self._played_at(presence)
        return seconds if seconds > -_CLOCK_STEP_SECONDS else None

    def _played_at(self, presence: Presence) -> float:
        """When the event of the record's time was played, seconds since the epoch."""
        at = presence.at.timestamp()
        node = presence.evidence[0].partition("/")[0]
        for source, server in zip(self._sources, self._servers, strict=True):
            if not isinstance(server, FreeSwitchReplay):
                continue  # its events get the time of the play
            if self._speed and source.node == node and server.shift is not None:
                end = (server.frames[-1].at + server.shift) / 1e6
                return end - (end - at) / self._speed
        return at

    def unfinished(self) -> str | None:
        """What has not reached Kafka yet, as a sentence; None when everything has."""
        for server, producer in zip(self._servers, self._producers, strict=True):
            if not server.finished:
                return f"{producer.log.stem}: {server.sent_events} events sent so far"
            status = producer.status()
            if not status:
                return f"{producer.log.stem}: its producer does not answer, see {producer.log}"
            if (unread := server.sent_events - server.received(status)) > 0:
                return f"{producer.log.stem}: {unread} unread"
            if _has_unpublished(status):
                return f"{producer.log.stem}: not yet in Kafka"
        return None

    def _processed(self, index: int, events: int, folded: bool = True) -> bool:
        """Whether the first `events` events of a source are in Kafka and, if asked, folded.

        Called by the thread that sends the source.
        """
        status = self._producers[index].status() if index < len(self._producers) else {}
        received = self._servers[index].received
        if not status or received(status) < events or _has_unpublished(status):
            return False
        if not folded:
            return True
        if index not in self._progress:
            self._progress[index] = StreamsProgress(self._stack.kafka)
        return self._progress[index].is_caught_up()

    def _all_processed(self) -> bool:
        """Whether everything that was sent is folded. Called by the senders, one at a time."""
        return all(self._processed(i, server.sent_events) for i, server in enumerate(self._servers))

    def _is_ready(self, index: int) -> bool:
        return index < len(self._producers) and self._producers[index].is_ready()

    def _is_connected(self, index: int) -> bool:
        return index < len(self._producers) and bool(
            self._producers[index].status().get("connected")
        )

    def _has_read(self, index: int, size: int) -> bool:
        status = self._producers[index].status()
        return bool(status) and self._servers[index].received(status) >= size


def _has_unpublished(status: dict[str, Any]) -> bool:
    """Whether a producer has records that are not in Kafka; rtpengine's queues none."""
    return bool(status.get("queued") or status["undelivered"] or status["spooled"])
