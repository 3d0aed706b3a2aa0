"""Fetch sessions against a model of a broker's side of KIP-227."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.protocol.fetch import (
    FetchRequest,
    FetchRequest_v4,
    FetchRequest_v11,
    FetchResponse_v4,
    FetchResponse_v11,
)

from streams.faust_adapter.fetch_session import FetchSession

NOT_FOUND, INVALID_EPOCH, NOT_LEADER = 70, 71, 6
VERSIONS = {FetchRequest.API_KEY: (4, 17)}
PARTS = [(topic, number) for topic in ("registrations", "calls", "nodes") for number in range(3)]


def whole(positions: dict[tuple[str, int], int]) -> FetchRequest:
    """What aiokafka asks for: every partition, with its position."""
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, number), position in positions.items():
        topics.setdefault(topic, []).append((number, position, 1_000))
    return FetchRequest(500, 1, 10_000, 1, list(topics.items()))


@dataclass
class Cached:
    """A partition in a broker's session: the position asked for, the end last answered."""

    position: int
    end: int | None = None


@dataclass
class Broker:
    """A broker's logs (their ends), and its fetch sessions."""

    ends: dict[tuple[str, int], int]
    sessions: dict[int, tuple[int, dict[tuple[str, int], Cached]]] = field(default_factory=dict)
    not_led: set[tuple[str, int]] = field(default_factory=set)
    grants: bool = True
    named: int = 0  # partitions of the last request

    def answer(self, encoded: bytes) -> Any:
        request = FetchRequest_v11.decode(encoded)
        given = {
            (topic, number): Cached(offset)
            for topic, partitions in request.topics
            for number, _, offset, _, _ in partitions
        }
        self.named = len(given)
        if request.session_epoch == 0:
            self.sessions.pop(request.session_id, None)
            id_ = len(self.sessions) + random.randrange(1, 1 << 30) if self.grants else 0
            if id_:
                self.sessions[id_] = 1, given
            return self._answer(id_, given, every=True)
        if request.session_id not in self.sessions:
            return self._error(NOT_FOUND)
        epoch, cached = self.sessions[request.session_id]
        if epoch != request.session_epoch:
            return self._error(INVALID_EPOCH)
        for part, new in given.items():
            cached.setdefault(part, new).position = new.position
        for topic, numbers in request.forgotten_topics_data:
            for number in numbers:
                del cached[topic, number]
        self.sessions[request.session_id] = epoch + 1, cached
        return self._answer(request.session_id, cached, every=False)

    def _error(self, code: int) -> Any:
        return FetchResponse_v11(0, code, 0, [])

    def _answer(self, id_: int, cached: dict[tuple[str, int], Cached], *, every: bool) -> Any:
        topics: dict[str, list[Any]] = {}
        for (topic, number), part in cached.items():
            error = NOT_LEADER if (topic, number) in self.not_led else 0
            end = -1 if error else self.ends[topic, number]
            records = b"records" if not error and part.position < end else b""
            if every or error or records or part.end != end:
                row = (number, error, end, end, 0, None, -1, records)
                topics.setdefault(topic, []).append(row)
            part.end = end
        response = FetchResponse_v11(0, 0, id_, list(topics.items()))
        return FetchResponse_v11.decode(response.encode())


def test_later_fetches_name_only_what_changed() -> None:
    broker, session = Broker(dict.fromkeys(PARTS, 5)), FetchSession()
    positions = dict.fromkeys(PARTS, 5)
    session.answered(broker.answer(session.request(whole(positions)).prepare(VERSIONS).encode()))
    assert broker.named == len(PARTS)
    broker.ends["calls", 1] = 7
    answer = broker.answer(session.request(whole(positions)).prepare(VERSIONS).encode())
    session.answered(answer)
    assert broker.named == 0
    assert [(topic, row[0]) for topic, rows in answer.topics for row in rows] == [("calls", 1)]
    assert session.ends == dict.fromkeys(PARTS, 5) | {("calls", 1): 7}
    positions["calls", 1] = 7
    broker.answer(session.request(whole(positions)).prepare(VERSIONS).encode())
    assert broker.named == 1


def test_broker_without_sessions_is_asked_for_everything() -> None:
    session = FetchSession()
    for end in (5, 6):
        built = session.request(whole({("calls", 0): 5})).prepare({FetchRequest.API_KEY: (0, 4)})
        assert isinstance(built, FetchRequest_v4)
        assert built.topics == [("calls", [(0, 5, 1_000)])]
        session.answered(FetchResponse_v4(0, [("calls", [(0, 0, end, end, None, b"")])]))
        assert session.ends == {("calls", 0): end}


def test_broker_that_grants_no_session_is_asked_for_everything() -> None:
    broker, session = Broker(dict.fromkeys(PARTS, 5), grants=False), FetchSession()
    for _ in range(3):
        request = session.request(whole(dict.fromkeys(PARTS, 5))).prepare(VERSIONS)
        session.answered(broker.answer(request.encode()))
        assert broker.named == len(PARTS)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_missed_whatever_happens(seed: int) -> None:
    """Appends, seeks, partitions left out, leaders that move, lost answers and forgotten sessions:
    after each answer the ends are the broker's, and every partition with records is in it."""
    chance = random.Random(seed)
    broker, session = Broker(dict.fromkeys(PARTS, 0)), FetchSession()
    positions = dict.fromkeys(PARTS, 0)
    answered = 0
    for _ in range(500):
        for part in chance.sample(PARTS, chance.randrange(3)):
            broker.ends[part] += chance.randrange(3)
        if chance.random() < 0.1:
            part = chance.choice(PARTS)
            positions[part] = chance.randrange(broker.ends[part] + 1)
        if chance.random() < 0.05:
            broker.not_led = set(chance.sample(PARTS, chance.randrange(3)))
        if chance.random() < 0.02:
            broker.sessions.clear()
        left_out = chance.sample(PARTS, chance.randrange(4)) if chance.random() < 0.2 else []
        wanted = {part: at for part, at in positions.items() if part not in left_out}
        request = session.request(whole(wanted)).prepare(VERSIONS).encode()
        if chance.random() < 0.05:  # the connection breaks, before or after the broker has it
            if chance.random() < 0.5:
                broker.answer(request)
            session.end()
            continue
        answer = broker.answer(request)
        session.answered(answer)
        if answer.error_code:
            continue
        answered += 1
        led = {part for part in wanted if part not in broker.not_led}
        assert session.ends == {part: broker.ends[part] for part in led}
        found = {(topic, row[0]) for topic, rows in answer.topics for row in rows if row[-1]}
        assert found == {part for part in led if wanted[part] < broker.ends[part]}
        for part in found:
            positions[part] = chance.randrange(wanted[part], broker.ends[part]) + 1
    assert answered > 300
