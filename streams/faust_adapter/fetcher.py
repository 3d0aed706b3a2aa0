"""How records are fetched: promptly, and as small objects.

aiokafka has no hook for either, so this module uses private names of its fetcher.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.protocol.fetch import FetchRequest

from streams.consumed import FetchedRecord
from streams.faust_adapter.fetch_session import FetchSession

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
    is_source: Callable[[Any], bool],
    is_pressed: Callable[[], bool],
    is_wanted: Callable[[], bool],
    answers: Answers,
) -> None:
    """Let a started Fetcher send fetches only while `is_wanted`, with short waits while records are
    unread.

    Changelog partitions may stay unread for ever. They do not count, except while `is_pressed` (a
    rebalance and its recovery).
    """
    actions, send = running._get_actions_per_node, running._client.send
    fetch = _in_sessions(running, send)

    async def noted_send(node: int, request: Any, **kwargs: Any) -> Any:
        if isinstance(request, FetchRequest):
            answer = await fetch(node, request, **kwargs)
        else:
            answer = await send(node, request, **kwargs)
        answers.last = time.monotonic()
        return answer

    def prompt_actions(assignment: Any) -> Any:
        if not is_wanted():
            states = map(assignment.state_value, assignment.tps)
            if all(state.has_valid_position for state in states):
                return [], {}, running._fetcher_timeout, False, []
        is_busy = is_pressed() or any(map(is_source, running._records))
        running._fetch_max_wait_ms = BUSY_WAIT_MS if is_busy else IDLE_WAIT_MS
        fetches, *others = actions(assignment)
        return (fetches if is_wanted() else [], *others)

    running._get_actions_per_node = prompt_actions
    running._client.send = noted_send


def _in_sessions(running: Any, send: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Sends the fetches of a Fetcher, each within a session of its broker."""
    sessions: defaultdict[int, FetchSession] = defaultdict(FetchSession)

    async def fetch(node: int, request: FetchRequest, **kwargs: Any) -> Any:
        """Send a fetch, and set the ends of all its partitions after the answer."""
        session = sessions[node]
        try:
            answer = await send(node, session.request(request), **kwargs)
        except BaseException:  # cancelled, too
            session.end()
            raise
        session.answered(answer)
        subscription, heard = running._subscriptions.subscription, int(time.time() * 1000)
        assignment = subscription and subscription.assignment
        for part, end in session.ends.items():
            state = assignment and assignment.state_value(part)
            if state:
                state.highwater, state.timestamp = end, heard
        return answer

    return fetch
