"""How long a high watermark that a fetch brought may be taken for the partition's end."""

import asyncio
import time
from types import SimpleNamespace

from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP

from streams.faust_adapter.consumer_thread import WATERMARK_HOLDS_MS, FetchThread

ONE, OTHER = TP("topic", 0), TP("topic", 1)


def _watermark(tp: TP, written: int, **read_at: int) -> int | None:
    """Of a consumer's thread that is assigned ONE, of which a fetch brought what is `read_at`."""

    async def asked() -> int | None:  # aiokafka's assignment wants a loop
        subscription = SubscriptionState()
        subscription.assign_from_user({ONE})
        state = subscription.subscription.assignment.state_value(ONE)
        for name, value in read_at.items():
            assert hasattr(state, name)
            setattr(state, name, value)
        thread = FetchThread.__new__(FetchThread)
        thread._consumer = SimpleNamespace(_subscription=subscription)
        return thread.high_watermark(tp, written)

    return asyncio.run(asked())


def test_high_watermark_covers_records_written_until_shortly_after_it_was_read() -> None:
    read_at = 1_700_000_000_000
    assert _watermark(ONE, 0, highwater=7, timestamp=read_at) == 7
    assert _watermark(ONE, read_at + WATERMARK_HOLDS_MS, highwater=7, timestamp=read_at) == 7
    assert _watermark(ONE, read_at + WATERMARK_HOLDS_MS + 1, highwater=7, timestamp=read_at) is None


def test_a_producer_whose_clock_is_ahead_does_not_make_a_fresh_end_old() -> None:
    now = int(time.time() * 1000)
    assert _watermark(ONE, now + 3_600_000, highwater=7, timestamp=now) == 7


def test_an_end_is_unknown_before_the_first_fetch_and_there_is_none_without_assignment() -> None:
    assert _watermark(ONE, 0) is None
    assert _watermark(OTHER, 0) == 0
