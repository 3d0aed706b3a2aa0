"""Reads rollcall.call-records: the calls that are live or ended lately, each by its last record."""

from runtime.kafka import KafkaSettings
from runtime.log_reader import read_to_end
from runtime.topic_parts import Part
from schemas import codec
from schemas.call_record import CallRecord
from schemas.topics import CALL_RECORDS


def present_calls(kafka: KafkaSettings, aor: str | None = None) -> list[CallRecord]:
    """In the order of their start, of all users or of one; what became a part of another call is
    left out.

    Raises KafkaUnavailable, KafkaMisconfigured, TopicReplaced.
    """
    found: dict[str, CallRecord] = {}
    for message in read_to_end(kafka, Part(CALL_RECORDS), "cli"):
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
    calls = [
        record
        for record in found.values()
        if record.merged_into is None and (aor is None or aor in (*record.users, *record.joined))
    ]
    return sorted(calls, key=lambda record: (record.started, record.id))
