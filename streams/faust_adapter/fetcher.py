"""How records are fetched: promptly, and as small objects.

aiokafka has no hook for either, so this module uses private names of its fetcher.
"""

import time
from collections.abc import Callable
from typing import Any

from aiokafka.consumer import fetcher

from streams.consumed import FetchedRecord

# How long a fetch may wait at the broker for a first record: if it asks for every partition, and if
# it omits some because their last records are not read yet, or a seek may follow at any time. While
# one fetch waits no other is sent, so the omitted partitions wait as well (Faust's value is 1,500
# ms).
IDLE_WAIT_MS = 500
BUSY_WAIT_MS = 20


class LightRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """The records of one partition in one fetch."""

    def _consumer_record(self, tp: Any, record: Any) -> FetchedRecord:
        headers: tuple[tuple[str, bytes], ...] = ()
        for header in record.headers:
            if header[0] == "traceparent":
                headers = (header,)
        return FetchedRecord(
            tp.partition, record.offset, record.timestamp, record.key, record.value, headers
        )


def use_light_records() -> None:
    """Let aiokafka make these, in this whole process: its Fetcher takes the class by that name."""
    fetcher.PartitionRecords = LightRecords


class Answers:
    """When a broker last answered, in seconds of time.monotonic."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    @property
    def silence(self) -> float:
        return time.monotonic() - self.last


def make_prompt(
    running: Any,
    is_changelog: Callable[[Any], bool],
    is_pressed: Callable[[], bool],
    is_wanted: Callable[[], bool],
    answers: Answers,
) -> None:
    """Let a started Fetcher send fetches only while `is_wanted`, with short waits while records are
    unread.

    Changelog partitions may stay unread for ever. They do not count, except while `is_pressed` (a
    rebalance and its recovery).
    """
    actions = running._get_actions_per_node
    send = running._client.send

    async def noted_send(*args: Any, **kwargs: Any) -> Any:
        answer = await send(*args, **kwargs)
        answers.last = time.monotonic()
        return answer

    def prompt_actions(assignment: Any) -> Any:
        is_busy = is_pressed() or any(not is_changelog(tp) for tp in running._records)
        running._fetch_max_wait_ms = BUSY_WAIT_MS if is_busy else IDLE_WAIT_MS
        fetches, *others = actions(assignment)
        return (fetches if is_wanted() else [], *others)

    running._get_actions_per_node = prompt_actions
    running._client.send = noted_send
