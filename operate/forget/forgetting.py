"""`rollcall forget`: the order in which the stages forget a user, and the receipt of it.

The streams own their tables, so they are asked, by a command on a topic; their tombstone of the
user's presence is what the gateway, the user center's sink and the stage `calls` act on. ClickHouse
comes after its sink has read what Kafka has of the user.
"""

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial

from calls.consumer import GROUP as CALLS_GROUP
from operate.forget import topics
from operate.forget.receipt import Receipt, new_receipt
from runtime.kafka import KafkaSettings
from runtime.topic_parts import end_offsets
from schemas.topic import Cleanup
from schemas.topics import CALL_RECORDS, DIAL_RESULTS, PRESENCE, SESSIONS
from sinks.clickhouse.reader import GROUP as CLICKHOUSE_GROUP
from sinks.clickhouse.tables import TABLES
from sinks.user_center.reader import GROUP as USER_CENTER_GROUP

_POLL_SECONDS = 0.5
# Deletes a user's rows; None: there is no store.
Erase = Callable[[str], dict[str, int] | None]


def forget(
    kafka: KafkaSettings,
    erase: Erase,
    aor: str,
    key: bytes,
    by: str,
    seconds: float,
    now: Callable[[], datetime],
) -> Receipt:
    """Forget a user everywhere. `seconds`: how long each stage may take.

    Raises NotForgotten, KafkaUnavailable, KafkaMisconfigured, StoreUnavailable and the like: then
    ask again, which does the rest.
    """
    id_, at = str(uuid.uuid4()), now()
    receipt = new_receipt(id_, aor, key, at, by)
    wait = partial(topics.wait_for, kafka, seconds=seconds)
    calls = topics.call_records(kafka, aor)
    answered = topics.ask_streams(kafka, aor, id_, at, seconds)
    receipt.topics = {SESSIONS.name: 1, PRESENCE.name: 1, CALL_RECORDS.name: len(calls)}
    if calls_left := _wait_for_calls(kafka, aor, seconds):
        receipt.waiting.append(f"calls: {calls_left} call records are not removed yet")
    receipt.topics[DIAL_RESULTS.name] = topics.forget_results(kafka, aor)
    left = wait(CLICKHOUSE_GROUP, {t.topic: end_offsets(kafka, t.topic, "cli") for t in TABLES})
    if left:
        receipt.waiting.append(f"clickhouse: {left} records are not stored yet")
    receipt.clickhouse = erase(aor)
    left = wait(USER_CENTER_GROUP, {PRESENCE: answered})
    receipt.user_center = "none" if left is None else "waiting" if left else "delivered"
    if left:
        receipt.waiting.append("user-center: the event is not delivered yet")
    receipt.kept = {
        table.topic.name: table.topic.retention.total_seconds() / 86_400
        for table in TABLES
        if table.topic.cleanup is Cleanup.DELETE and table.topic.retention is not None
    }
    return receipt


def _wait_for_calls(kafka: KafkaSettings, aor: str, seconds: float) -> int:
    """How many call records name the user still.

    The stage `calls` removes them, which would write live ones again; else it is done here.
    """
    until = time.monotonic() + seconds
    has_stage = topics.unread(kafka, CALLS_GROUP, {PRESENCE: end_offsets(kafka, PRESENCE, "cli")})
    while (left := topics.call_records(kafka, aor)) and time.monotonic() < until:
        if has_stage is None:
            topics.forget_calls(kafka, left)
        time.sleep(_POLL_SECONDS)
    return len(left)
