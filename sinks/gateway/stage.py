"""The stage `gateway`: presence from Kafka to whoever subscribes over HTTP."""

import gc
from collections.abc import Callable
from typing import Any

from runtime import logs
from runtime.dead_letters import DeadLetters
from runtime.dial_commands import DialCommands
from runtime.kafka import KafkaSettings, KafkaUnavailable, ensure_topics
from runtime.metrics import GATEWAY_KAFKA_AWAY
from runtime.settings import load
from runtime.stage import Stage, StageStopped
from sinks.gateway.calls.reader import Apply as ApplyToCalls
from sinks.gateway.calls.reader import CallReader
from sinks.gateway.gateway import Gateway
from sinks.gateway.listener import connections_possible
from sinks.gateway.nodes.known import KnownNodes
from sinks.gateway.nodes.reader import NodeReader
from sinks.gateway.reader import Reader
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings

log = logs.get(__name__)

NAME = "gateway"
# After so many new objects the collector looks at the newest: many while the state is read, and few
# while it is served, for a walk through 50,000 takes 50 ms, in which nobody is served.
READING_GC, SERVING_GC = 50_000, 1_000
# After so many such walks it looks at those that outlived one, and after so many of these at all.
READING_WALKS, SERVING_WALKS = (20, 100), (5, 1_000)
# Nothing waits for a letter: librdkafka may try for long.
_LETTER_SECONDS = 300.0


def run() -> None:
    """Serve until the stage is stopped. Raises BadSettings, KafkaMisconfigured, TopicReplaced, and
    RuntimeError when the server has ended by itself: a new process reads everything again."""
    # The objects of ten thousand connections live long, those of each message do not. With the
    # default thresholds the collector would walk through all of them every second.
    gc.set_threshold(READING_GC, *READING_WALKS)
    settings, kafka = load(GatewaySettings), load(KafkaSettings)
    stage = Stage(NAME)
    stage.start()
    limits = settings.limits
    subscribers, pending = connections_possible(settings.subscribers_max, limits.pending_max)
    possible = {
        "subscribers_max": subscribers,
        "limits": limits.model_copy(update={"pending_max": pending}),
    }
    Sink(settings.model_copy(update=possible), kafka, stage).run()


class Sink:
    """The reader in the calling thread, the server in its own."""

    def __init__(self, settings: GatewaySettings, kafka: KafkaSettings, stage: Stage) -> None:
        self._kafka = kafka
        self._stage = stage
        self._removals_kept = settings.removals_kept
        self._gateway = Gateway(settings)
        self._server = Server(self._gateway, settings)
        self._dead_letters = DeadLetters(
            NAME, kafka, counted_as="undecodable", timeout=_LETTER_SECONDS
        )
        self._reader: Reader | None = None
        self._nodes: NodeReader | None = None
        self._calls: CallReader | None = None
        self._gateway.is_kafka_away = self._is_kafka_away
        self._gateway.ask_call = DialCommands(kafka).send
        stage.status = self.status

    def run(self) -> None:
        """Until the stage's `stop`; then subscribers are disconnected, to reconnect elsewhere."""
        self._server.start()
        try:
            self._read(self._stage.wait_for_kafka(self._open_reader))
        except StageStopped:
            return
        finally:
            self._stage.ready.clear()
            self._server.stop()
            self._dead_letters.close()
            for one in (self._reader, self._nodes, self._calls):
                if one is not None:
                    one.close()

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        return {
            "url": self._server.url,
            "connections": self._server.connections,
            "kafka_away": self._is_kafka_away(),
            "dead_letters": self._reader.dead_letters if self._reader else 0,
            **self._gateway.status(),
        }

    def _is_kafka_away(self) -> bool:
        return self._reader is None or self._reader.is_kafka_away

    def _open_reader(self) -> Reader:
        """Raises KafkaUnavailable, KafkaMisconfigured, RuntimeError."""
        self._check_server()
        try:
            ensure_topics(self._kafka, timeout=5.0)
            self._nodes = self._nodes or NodeReader(self._kafka, self._call_with_nodes)
            self._calls = self._calls or CallReader(self._kafka, self._call_with_calls)
            apply, together = self._server.apply, self._server.together
            reader = Reader(self._kafka, self._dead_letters, apply, together)
        except KafkaUnavailable:
            GATEWAY_KAFKA_AWAY.set(1)
            raise
        GATEWAY_KAFKA_AWAY.set(0)
        self._reader, topic = reader, reader.topic
        remembered = min(self._removals_kept, topic.tombstones_kept)
        begin = self._gateway.hub.progress.begin
        self._server.call(begin, topic.epoch, topic.partitions, remembered)
        return reader

    def _read(self, reader: Reader) -> None:
        is_open = False
        while not self._stage.stop.is_set():
            self._check_server()
            self._step(reader)
            if reader.is_caught_up and not is_open:
                self._server.call(self._open)
                is_open = True

        # Subscriptions end one by one: until then they get what changes.
        self._stage.ready.clear()
        self._server.begin_stop()
        while self._server.is_alive:
            self._step(reader)

    def _step(self, reader: Reader) -> None:
        reader.step()
        for one in (self._nodes, self._calls):
            if one is not None:
                one.step()

    def _open(self) -> None:
        """Admit subscribers. Called in the server's thread, which has applied all messages by now.

        The gateway stays open while Kafka is unavailable later on: what was read is served.
        """
        self._gateway.index.open()
        # These objects live on: the collector need not walk through them again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(SERVING_GC, *SERVING_WALKS)
        self._gateway.is_caught_up = True
        self._stage.ready.set()
        log.info("caught up", users=self._gateway.hub.users)

    def _call_with_nodes(self, apply: Callable[[KnownNodes], None]) -> None:
        self._server.call(apply, self._gateway.nodes)

    def _call_with_calls(self, apply: ApplyToCalls) -> None:
        self._server.call(apply, self._gateway.calls, self._gateway.dialled)

    def _check_server(self) -> None:
        if not self._server.is_alive:
            raise RuntimeError("the HTTP server ended by itself")
