"""The stage `gateway`: presence from Kafka to whoever subscribes over HTTP."""

import gc
from typing import Any

from runtime import logs
from runtime.kafka import KafkaSettings, KafkaUnavailable, ensure_topics
from runtime.metrics import GATEWAY_KAFKA_AWAY
from runtime.settings import load
from runtime.stage import Stage
from sinks.gateway.dead_letters import DeadLetters
from sinks.gateway.gateway import Gateway
from sinks.gateway.listener import subscribers_possible
from sinks.gateway.reader import Reader
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings

log = logs.get(__name__)

NAME = "gateway"
_TRY_AGAIN_SECONDS = 1.0


def run() -> None:
    """Serve until told to stop. Raises BadSettings, KafkaMisconfigured, and RuntimeError when the
    server has ended by itself: the process ends, and reads everything again when it starts."""
    # Ten thousand connections' objects live long; each message makes some that do not. By the
    # default thresholds the collector would walk through the former every second.
    gc.set_threshold(50_000, 20, 100)
    settings, kafka = load(GatewaySettings), load(KafkaSettings)
    stage = Stage(NAME)
    stage.start()
    possible = subscribers_possible(settings.subscribers_max)
    Sink(settings.model_copy(update={"subscribers_max": possible}), kafka, stage).run()


class Sink:
    """The reader in the calling thread, the server in its own."""

    def __init__(self, settings: GatewaySettings, kafka: KafkaSettings, stage: Stage) -> None:
        self._kafka = kafka
        self._stage = stage
        self._gateway = Gateway(settings)
        self._server = Server(self._gateway, settings)
        self._dead_letters = DeadLetters(kafka)
        self._reader: Reader | None = None
        stage.status = self.status

    def run(self) -> None:
        """Until the stage's `stop`; then subscribers are told to go elsewhere."""
        self._server.start()
        try:
            if (reader := self._opened()) is not None:
                self._read(reader)
        finally:
            self._stage.ready.clear()
            self._server.stop()
            self._dead_letters.close()
            if self._reader is not None:
                self._reader.close()

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        return {
            "url": self._server.url,
            "kafka_away": self._reader is None or self._reader.is_away,
            "dead_letters": self._dead_letters.count,
            **self._gateway.status(),
        }

    def _opened(self) -> Reader | None:
        """The reader, once Kafka and the topics are there; None when told to stop before."""
        while not self._stage.stop.is_set():
            self._check_server()
            try:
                ensure_topics(self._kafka, timeout=5.0)
                self._reader = Reader(self._kafka, self._dead_letters, self._server.hand)
            except KafkaUnavailable as error:
                log.warning("waiting for Kafka", error=str(error))
                GATEWAY_KAFKA_AWAY.set(1)
                self._stage.stop.wait(_TRY_AGAIN_SECONDS)
            else:
                GATEWAY_KAFKA_AWAY.set(0)
                return self._reader
        return None

    def _read(self, reader: Reader) -> None:
        said = False
        while not self._stage.stop.is_set():
            self._check_server()
            reader.step()
            if reader.is_caught_up and not said:
                self._server.call(self._open)
                said = True

    def _open(self) -> None:
        """In the server's thread, which by now has applied all of it. Also while Kafka is away
        later on: what was read is served."""
        # It lives on: the collector need not walk through it again and again.
        gc.collect()
        gc.freeze()
        self._gateway.is_caught_up = True
        self._stage.ready.set()
        log.info("caught up", users=self._gateway.hub.users)

    def _check_server(self) -> None:
        if not self._server.is_alive:
            raise RuntimeError("the HTTP server ended by itself")
