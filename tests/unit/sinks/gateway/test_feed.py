"""A subscriber's feed and the periodic check: waiting messages, keep-alives, stalled feeds."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import cycle

import pytest

from schemas.codec import encode
from sinks.gateway.access.identity import Identity
from sinks.gateway.feed import End, Feed
from sinks.gateway.feeds import ALL_TURNS, CHECK_SECONDS
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import Message, presence_message
from sinks.gateway.settings import GatewaySettings
from sinks.gateway.subscriber import Watch
from tests.user_center import presence

ANN, BOB = "sip:ann@one.test", "sip:bob@one.test"


def changed(gateway: Gateway, aor: str, version: int) -> None:
    gateway.apply([presence_message(encode(presence(aor, version)), 1.0)])


class Connection:
    """A connection that accepts messages while its gate is open."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.taken: list[list[tuple[str, int]]] = []
        self.signs = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.feed = Feed(
            gateway.hub, Watch(), self.send, gateway.feeds.count_sent, keep_alive=self.keep_alive
        )
        self.running = asyncio.create_task(gateway.run(self.feed, "sse", Identity("x")))

    async def send(self, messages: list[Message]) -> None:
        self.taken.append([(message.aor, message.version) for message in messages])
        await self.gate.wait()

    async def keep_alive(self) -> None:
        self.signs += 1


async def turns() -> None:
    """Let all tasks run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(test: Callable[[Gateway], Awaitable[None]]) -> None:
    async def whole() -> None:
        settings = GatewaySettings(port=0, keepalive=10, stalled_after=30)
        await test(Gateway(settings))

    asyncio.run(whole())


def test_changes_during_a_send_are_sent_after_it_newest_only() -> None:
    async def test(gateway: Gateway) -> None:
        one = Connection(gateway)
        await turns()
        one.gate.clear()
        changed(gateway, ANN, 1)
        await turns()
        for version in range(1, 9):
            changed(gateway, BOB, version)
            changed(gateway, ANN, version)
        one.gate.set()
        await turns()
        assert one.taken == [[("", 0)], [(ANN, 1)], [(BOB, 8), (ANN, 8)]]
        one.feed.end(End.GONE)
        assert await one.running is End.GONE

    run(test)


def test_only_a_stalled_feed_is_ended_and_only_once() -> None:
    async def test(gateway: Gateway) -> None:
        slow, quick = Connection(gateway), Connection(gateway)
        await turns()
        slow.gate.clear()
        changed(gateway, ANN, 1)
        await turns()
        since = slow.feed.sending_since
        assert since is not None
        assert quick.feed.sending_since is None
        assert gateway.check(since + 29) == []
        assert gateway.check(since + 30) == [slow.feed]
        assert gateway.check(since + 31) == []
        assert gateway.status()["stalled"] == 1
        slow.gate.set()  # as the server does by resetting the connection
        assert await slow.running is End.STALLED
        assert gateway.status()["subscribers"]["sse"] == 1
        gateway.end_all()
        assert await quick.running is End.STOPPING
        assert gateway.feeds.emptied.is_set()

    run(test)


def test_quiet_feeds_get_keep_alives_but_not_all_at_once() -> None:
    async def test(gateway: Gateway) -> None:
        quiet = [Connection(gateway) for _ in range(100)]
        await turns()
        now = quiet[-1].feed.quiet_since
        gateway.check(now + 9)
        await turns()
        assert sum(one.signs for one in quiet) == 0
        for looks, turn in zip(range(1, 401), cycle(ALL_TURNS), strict=False):
            gateway.check(now + 10, [turn])
            await turns()
            assert sum(one.signs for one in quiet) <= looks
            if all(one.signs for one in quiet):
                break
        assert {one.signs > 0 for one in quiet} == {True}
        for one in quiet:
            one.running.cancel()
            with suppress(asyncio.CancelledError):
                await one.running

    run(test)


def test_a_cursor_comes_with_the_hundredth_message() -> None:
    async def test(gateway: Gateway) -> None:
        one = Connection(gateway)
        await turns()
        for version in range(1, 201):
            changed(gateway, ANN, version)
            await turns()
        cursors = [number for number, batch in enumerate(one.taken) if batch[-1] == ("", 0)]
        assert cursors == [0, 100, 200]  # `live`, and with what was sent in a moment
        one.feed.end(End.GONE)
        assert await one.running is End.GONE

    run(test)


def test_cursors_that_are_due_at_once_are_spread_over_the_turns() -> None:
    async def test(gateway: Gateway) -> None:
        connected = [Connection(gateway) for _ in range(100)]
        await turns()
        changed(gateway, ANN, 1)
        await turns()
        sent = [sum(len(batch) for batch in one.taken) for one in connected]
        assert sent == [2] * 100  # live, and the change
        later = connected[-1].feed.quiet_since + 2
        share = 100 // len(ALL_TURNS)
        for number, turn in enumerate(ALL_TURNS, 1):
            gateway.check(later + CHECK_SECONDS, [turn])
            await turns()
            assert sum(len(one.taken) == 3 for one in connected) == number * share
        for one in connected:
            one.feed.end(End.GONE)
            assert await one.running is End.GONE
        assert len(gateway.feeds) == 0

    run(test)


def test_a_feed_ends_when_its_token_expires() -> None:
    async def whole() -> None:
        now = [1000.0]
        gateway = Gateway(GatewaySettings(port=0), wall_clock=lambda: now[0])
        taken: list[Message] = []
        gate = asyncio.Event()

        async def send(messages: list[Message]) -> None:
            taken.extend(messages)
            await gate.wait()

        def feed(expires_at: float | None) -> Feed:
            return Feed(gateway.hub, Watch(), send, gateway.feeds.count_sent, expires_at=expires_at)

        feeds = [feed(None), feed(1010.0), feed(1020.0)]
        running = [asyncio.create_task(gateway.run(one, "sse", Identity("x"))) for one in feeds]
        await turns()
        now[0] = 1009.9
        assert gateway.check(0.0) == []
        now[0] = 1010.0
        assert gateway.check(0.25) == []
        # It takes nothing: the connection is ended by force.
        assert gateway.check(0.5) == [feeds[1]]
        gate.set()
        assert await running[1] is End.EXPIRED
        assert not running[0].done()
        assert not running[2].done()
        gateway.end_all()
        assert [await one for one in running[::2]] == [End.STOPPING, End.STOPPING]

    asyncio.run(whole())


@pytest.mark.parametrize("set_by", [0.0, 60.0, -60.0])
def test_a_token_expires_by_the_wall_clock_also_when_that_is_set(set_by: float) -> None:
    async def whole() -> None:
        offset = 1000.0
        now = began = asyncio.get_running_loop().time()
        gateway = Gateway(GatewaySettings(port=0), wall_clock=lambda: now + offset)

        async def send(messages: list[Message]) -> None:
            del messages

        expires_at = began + 1100.0
        feed = Feed(gateway.hub, Watch(), send, gateway.feeds.count_sent, expires_at=expires_at)
        running = asyncio.create_task(gateway.run(feed, "sse", Identity("x")))
        for now in (began, began + 0.25):
            gateway.check(now)
            await turns()
        assert feed.due_at > now, "it is not looked at each time"
        offset += set_by
        for now in (began + 0.5, began + 99.9 - set_by):
            gateway.check(now)
            assert feed.ended is None
        now = began + 100.0 - set_by
        gateway.check(now)
        assert await running is End.EXPIRED

    asyncio.run(whole())
