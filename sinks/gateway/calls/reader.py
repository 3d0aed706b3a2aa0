"""Call records and results of dialled calls from Kafka, for what the gateway knows of calls."""

from collections.abc import Callable

from confluent_kafka import Message as Record

from runtime import logs
from runtime.kafka import KafkaSettings
from runtime.log_reader import LogReader
from runtime.metrics import GATEWAY_CALLS_DROPPED
from runtime.topic_parts import Part
from schemas.codec import InvalidRecord, decode
from schemas.dialling import DialResult
from schemas.topics import CALL_RECORDS, DIAL_RESULTS
from sinks.gateway.calls.dialled import DialledCalls
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.calls.stored import stored_call

log = logs.get(__name__)

# Until the end is read: so many fetches a step, so that presence is read beside it.
_FETCHES = 4
# So many changes are applied before others are served.
_AT_ONCE = 200

Apply = Callable[[KnownCalls, DialledCalls], None]


class CallReader:
    """Belongs to the thread that runs it."""

    def __init__(self, kafka: KafkaSettings, call: Callable[[Apply], None]) -> None:
        """`call` has a function called with what it changes, in their thread.

        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        self._records = kafka.name(CALL_RECORDS)
        self._call = call
        self._has_logged = self._is_read = False
        self._log = LogReader(kafka, [Part(CALL_RECORDS), Part(DIAL_RESULTS)], "gateway-calls")

    def step(self) -> None:
        """Read what is there, without waiting. Raises KafkaMisconfigured, TopicReplaced."""
        for _ in range(1 if self._is_read else _FETCHES):
            changes = [one for one in map(self._change, self._log.read()) if one is not None]
            for start in range(0, len(changes), _AT_ONCE):
                self._call(_all(changes[start : start + _AT_ONCE]))
        if self._log.is_at_end and not self._is_read:
            self._is_read = True
            self._call(_mark_read)

    def close(self) -> None:
        self._log.close()

    def _change(self, record: Record) -> Apply | None:
        """What a record changes. One that cannot be used is counted; the ClickHouse sink writes
        dead letters of call records."""
        key, value = record.key() or b"", record.value()
        try:
            if record.topic() == self._records:
                return _call_change(key.decode(), value)
            if value is not None:
                decode(DialResult, value)
            name = key.decode()
            return lambda _calls, dialled: dialled.put(name, value)
        except (InvalidRecord, UnicodeDecodeError) as error:
            GATEWAY_CALLS_DROPPED.add(1, {"reason": "undecodable"})
            if not self._has_logged:
                self._has_logged = True
                log.warning("call record ignored (later ones are not logged)", reason=str(error))
            return None


def _call_change(id_: str, value: bytes | None) -> Apply:
    """Raises InvalidRecord."""
    if value is None:
        return lambda calls, _dialled: calls.remove(id_)
    call = stored_call(value)
    if isinstance(call, str):
        return lambda calls, _dialled: calls.merge(id_, call)
    return lambda calls, _dialled: calls.put(call)


def _all(changes: list[Apply]) -> Apply:
    def apply(calls: KnownCalls, dialled: DialledCalls) -> None:
        for change in changes:
            change(calls, dialled)

    return apply


def _mark_read(calls: KnownCalls, dialled: DialledCalls) -> None:
    del dialled
    calls.is_read = True
