"""When the worker's fetcher computes what to fetch, and which ends it sets after an answer."""

import asyncio
from typing import Any

from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v11
from faust.types import TP

from streams.faust_adapter.fetcher import BUSY_WAIT_MS, IDLE_WAIT_MS, Answers, make_prompt

VERSIONS = {FetchRequest.API_KEY: (0, 17)}
ONE, OTHER = TP("calls", 0), TP("calls", 1)


class Running:
    """What make_prompt uses of aiokafka's fetcher: `fetches` would be sent, `_send` answers."""

    _fetcher_timeout = 0.2

    def __init__(self, *answers: Any) -> None:
        self._records: dict[TP, object] = {}
        self._fetch_max_wait_ms = 0
        self._subscriptions = SubscriptionState()
        self._subscriptions.assign_from_user({ONE, OTHER})
        self._client: Any = self
        self._answers, self._session = list(answers), 0
        self.computed = 0
        self.is_wanted = False
        make_prompt(self, lambda _: True, lambda: False, lambda: self.is_wanted, Answers())

    @property
    def assignment(self) -> Any:
        return self._subscriptions.subscription.assignment

    def _get_actions_per_node(self, assignment: Any) -> Any:
        assert assignment is self.assignment
        self.computed += 1
        return ["fetch"], {"reset": [ONE]}, 0.1, False, []

    async def send(self, node: int, request: Any) -> Any:
        assert (node, request.prepare(VERSIONS).session_id) == (1, self._session)
        answer = self._answers.pop(0)
        self._session = answer.session_id
        return answer

    def actions(self) -> tuple[list[str], dict[str, Any]]:
        fetches, resets, *_ = self._get_actions_per_node(self.assignment)
        return fetches, resets


def _answer(session: int, *ends: tuple[int, int]) -> FetchResponse_v11:
    rows = [(number, 0, end, end, 0, None, -1, b"") for number, end in ends]
    return FetchResponse_v11(0, 0, session, [("calls", rows)])


def test_what_to_fetch_is_computed_when_a_fetch_is_asked_for() -> None:
    async def check() -> None:
        running = Running()
        for tp in (ONE, OTHER):
            running.assignment.state_value(tp).seek(7)
        assert running.actions() == ([], {})
        assert running.computed == 0
        running.is_wanted = True
        assert running.actions() == (["fetch"], {"reset": [ONE]})
        assert running._fetch_max_wait_ms == IDLE_WAIT_MS
        running._records[ONE] = object()
        running.actions()
        assert running._fetch_max_wait_ms == BUSY_WAIT_MS

    asyncio.run(check())


def test_positions_are_reset_whether_or_not_a_fetch_is_asked_for() -> None:
    async def check() -> None:
        running = Running()
        running.assignment.state_value(ONE).seek(7)
        assert running.actions() == ([], {"reset": [ONE]})

    asyncio.run(check())


def test_ends_are_set_of_every_partition_that_was_asked_for() -> None:
    async def check() -> None:
        running = Running(_answer(9, (0, 5), (1, 6)), _answer(9, (1, 8)))
        whole = FetchRequest(500, 1, 1_000, 0, [("calls", [(0, 5, 99), (1, 6, 99)])])
        states = {tp: running.assignment.state_value(tp) for tp in (ONE, OTHER)}
        await running._client.send(1, whole)
        assert {tp: state.highwater for tp, state in states.items()} == {ONE: 5, OTHER: 6}
        for state in states.values():
            state.timestamp = 0
        await running._client.send(1, whole)
        assert {tp: state.highwater for tp, state in states.items()} == {ONE: 5, OTHER: 8}
        assert all(state.timestamp > 0 for state in states.values())

    asyncio.run(check())


def test_answer_without_an_assignment_sets_nothing() -> None:
    async def check() -> None:
        running = Running(_answer(9, (0, 5)))
        running._subscriptions.unsubscribe()
        await running._client.send(1, FetchRequest(500, 1, 99, 0, [("calls", [(0, 5, 99)])]))

    asyncio.run(check())
