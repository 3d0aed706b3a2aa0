"""librdkafka's own log lines as records of this program's log, each cause once a minute.

Given to every client as its `logger` (runtime/kafka.py): without it librdkafka writes to stderr.
"""

import logging
import re
import threading
import time

from runtime import logs

_REPEAT_SECONDS = 60.0
_CAUSES_MAX = 200
# Errors that librdkafka itself recovers from: failed connections, requests that time out.
_TRANSIENT = frozenset({"FAIL", "ERROR", "REQTMOUT", "SASL", "COORD", "FINDBROKER"})
# The thread and the time in the state differ from line to line of one cause.
_THREAD = re.compile(r"^\[thrd:[^\]]*\]: ")
_STATE = re.compile(r" \(after \d+ms in state .*\)$")

log = logs.get("librdkafka")


def cause_of(text: str) -> str:
    """The error in a line of librdkafka, without what differs from line to line."""
    return _STATE.sub("", _THREAD.sub("", text))


class LibrdkafkaLog:
    """The part of logging.Logger that confluent_kafka calls. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logged: dict[tuple[str, str], float] = {}

    def log(self, level: int, form: str, facility: str, client: str, text: str) -> None:
        """Log one line: `facility` is librdkafka's name of the place, `client` its instance."""
        del form
        cause = cause_of(text)
        if not self._is_due((facility, cause)):
            return
        if level >= logging.ERROR and facility in _TRANSIENT:
            level = logging.WARNING
        log.log(level, "librdkafka", facility=facility, client=client, detail=cause)

    def _is_due(self, key: tuple[str, str]) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._logged.get(key, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
                return False
            if len(self._logged) >= _CAUSES_MAX:
                self._logged.clear()
            self._logged[key] = now
            return True


LIBRDKAFKA_LOG = LibrdkafkaLog()
