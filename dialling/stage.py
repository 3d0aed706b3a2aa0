"""The stage `dialling`: extension dialling on the FreeSWITCH nodes of the settings."""

import time
from datetime import UTC, datetime
from typing import Any

import gevent

from dialling.commands import Commands
from dialling.dialler import Dialler
from dialling.memory import Memory
from dialling.node import Node
from dialling.results import Results
from dialling.settings import DiallingSettings
from dialling.whereabouts import Whereabouts
from runtime import logs
from runtime.dead_letters import DeadLetters
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.settings import load
from runtime.stage import Stage, StageStopped

log = logs.get(__name__)

NAME = "dialling"
_POLL_SECONDS = 0.02
_COMMIT_SECONDS = 1.0
_OLD_SECONDS = 600.0


def run() -> None:
    """Dial until the stage is stopped. Raises BadSettings, KafkaMisconfigured.

    Calls under way at the end live on, and the next start goes on with them.
    """
    settings, kafka = load(DiallingSettings), load(KafkaSettings)
    stage = Stage(NAME)
    stage.start()
    try:
        stage.wait_for_kafka(lambda: ensure_topics(kafka, timeout=10.0))
    except StageStopped:
        return
    Service(settings, kafka, stage).run()


class Service:
    """The nodes' connections, the commands' reader and the calls, as greenlets of one thread."""

    def __init__(self, settings: DiallingSettings, kafka: KafkaSettings, stage: Stage) -> None:
        memory = Memory()
        self._stage = stage
        self._nodes = {name: Node(name, one, settings) for name, one in settings.nodes.items()}
        self._results = Results(kafka, memory)
        self._dead_letters = DeadLetters(NAME, kafka, counted_as="undialable")
        self._whereabouts = Whereabouts(settings)
        self._dialler = Dialler(settings, memory, self._results, self._nodes, self._whereabouts)
        self._commands = Commands(kafka, self._dialler, self._results, self._dead_letters)
        stage.status = self.status

    def run(self) -> None:
        """Until the stage's `stop`, or an error that ends the process: its next start resumes."""
        keepers = [gevent.spawn(node.run) for node in self._nodes.values()]
        committed = dropped = time.monotonic()
        try:
            while not self._stage.stop.is_set():
                now = time.monotonic()
                if not self._commands.step():
                    gevent.sleep(_POLL_SECONDS)
                if self._dialler.failure is not None:
                    raise self._dialler.failure
                if now - committed > _COMMIT_SECONDS:
                    self._commands.commit()
                    committed = now
                if now - dropped > _OLD_SECONDS:
                    self._results.drop_old(datetime.now(UTC))
                    dropped = now
                self._update_readiness()
        finally:
            self._stage.ready.clear()
            self._dialler.close()
            self._commands.close()
            gevent.killall(keepers)
            self._results.close()
            self._dead_letters.close()
            self._whereabouts.close()

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        return {
            "nodes": {name: node.connected.is_set() for name, node in self._nodes.items()},
            "running": self._dialler.running,
            "outcomes": dict(self._dialler.outcomes),
            "repeats": self._dialler.repeats,
        }

    def _update_readiness(self) -> None:
        connected = any(node.connected.is_set() for node in self._nodes.values())
        if connected and self._commands.assigned:
            self._stage.ready.set()
        else:
            self._stage.ready.clear()
