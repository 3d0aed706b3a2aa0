"""The stage `rtpengine`: publishes the media quality and the ends of one rtpengine's calls."""

import time
from typing import Any

from producers.backoff import Backoff
from producers.private_input import log_use
from producers.publisher import Publisher
from producers.receive_times import Ticks
from producers.rtpengine.context import Context
from producers.rtpengine.dtmf import DtmfListener
from producers.rtpengine.errors import NgUnreachable
from producers.rtpengine.ng import open_ng
from producers.rtpengine.settings import RtpengineSettings
from producers.rtpengine.watcher import Watcher
from producers.running import run_producer
from runtime import metrics
from runtime.settings import load
from runtime.stage import Stage

NAME = "rtpengine"
# Pauses between rounds that fail: the first while the connection is refused, and the longest.
_REFUSED_SECONDS, _PAUSE_LAST_SECONDS = 0.25, 4.0


class RtpengineProducer:
    """Polls in the stage's thread. Another thread receives DTMF, where that is configured."""

    def __init__(self, settings: RtpengineSettings, publisher: Publisher, stage: Stage) -> None:
        """Raises BadSettings where the address for DTMF cannot be bound."""
        self._settings = settings
        self._publisher = publisher
        self._stage = stage
        ticks = Ticks()
        context = Context(
            settings.node,
            f"run-{ticks.now().seq:x}",
            ticks,
            digits_in_clear=settings.dtmf_in_clear_for is not None,
        )
        log_use(NAME, settings.node, settings.dtmf_in_clear_for)
        self._labels = {"source": NAME, "node": settings.node}
        self.dtmf = (
            DtmfListener(settings.listen_dtmf, publisher, context, settings.allowed_senders)
            if settings.listen_dtmf
            else None
        )
        self._ng = open_ng(settings)
        self._watcher = Watcher(settings, self._ng, publisher, context)

    def run(self) -> None:
        """Poll until the stage stops."""
        if self.dtmf is not None:
            self.dtmf.start()
        try:
            self._poll()
        finally:
            self._stage.ready.clear()
            if self.dtmf is not None:
                self.dtmf.stop()
            self._ng.close()
            metrics.SOURCE_CONNECTED.set(0, self._labels)

    def status(self) -> dict[str, Any]:
        """For /status."""
        return {
            **self._watcher.status(),
            "dtmf_port": self.dtmf.port if self.dtmf else None,
            **self._publisher.status(),
        }

    def _poll(self) -> None:
        backoff = Backoff(_REFUSED_SECONDS, _PAUSE_LAST_SECONDS)
        while not self._stage.stop.is_set():
            began = time.monotonic()
            failure = self._watcher.round()
            self._set_ready(self._watcher.is_up)
            if self.dtmf is not None and self.dtmf.failure is not None:
                raise self.dtmf.failure
            if failure is None:
                backoff.reset()
                pause = max(self._settings.poll_seconds - (time.monotonic() - began), 0.0)
            else:
                is_refused = isinstance(failure, NgUnreachable) and failure.is_refused
                pause = backoff.after(failure.reason, is_refused=is_refused)
            self._stage.stop.wait(pause)

    def _set_ready(self, is_up: bool) -> None:
        metrics.SOURCE_CONNECTED.set(int(is_up), self._labels)
        if is_up:
            self._stage.ready.set()
        else:
            self._stage.ready.clear()


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    run_producer(NAME, load(RtpengineSettings), RtpengineProducer)
