"""Reads rollcall.call-records: the calls that are live or ended lately, each by its last record."""

from operate.topic_reader import TopicReader
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.call_record import CallRecord
from schemas.topics import CALL_RECORDS


def present_calls(kafka: KafkaSettings, aor: str | None = None) -> list[CallRecord]:
    """In the order of their start, of all users or of one; what became a part of another call is
    left out.

    Raises NotReadToEnd, KafkaUnavailable, KafkaMisconfigured.
    """
    found: dict[str, CallRecord] = {}
    reader = TopicReader(kafka, CALL_RECORDS)
    try:
        for message in reader.read_to_end():
            key, value = (message.key() or b"").decode("utf-8", "replace"), message.value()
            if value is None:
                found.pop(key, None)
                continue
            try:
                record = codec.decode(CallRecord, value)
            except codec.InvalidRecord:
                continue  # the sinks write dead letters of it
            known = found.get(record.id)
            if known is None or record.version >= known.version:
                found[record.id] = record
    finally:
        reader.close()
    calls = [
        record
        for record in found.values()
        if record.merged_into is None and (aor is None or aor in (*record.users, *record.joined))
    ]
    return sorted(calls, key=lambda record: (record.started, record.id))
