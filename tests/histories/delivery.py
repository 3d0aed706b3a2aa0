"""How reports arrive at the streams: late, twice, or not at all; each source in its order."""

import heapq
import random
from dataclasses import dataclass
from itertools import count

from tests.histories.reports import Report

LATENESS = (0.0, 0.0, 0.02, 1.0)  # seconds, of a source's records in one topic
FAR_BEHIND = 60.0  # of one source in some histories: its spool drains late


@dataclass
class Delivery:
    """`records` in the order of arrival, each with its time; `late` is the most any was late."""

    records: list[tuple[float, Report]]
    late: float


def deliver(reports: list[Report], chance: random.Random) -> Delivery:
    """Each source keeps its order in a topic; beyond that, anything."""
    streams = sorted({(one.source, one.topic.name) for one in reports})
    late = {stream: chance.choice(LATENESS) for stream in streams}
    if chance.random() < 0.1:
        behind = chance.choice([source for source, _ in streams])
        late |= {stream: FAR_BEHIND for stream in streams if stream[0] == behind}
    twice = chance.random() < 0.3
    order = count()
    queue: list[tuple[float, int, Report]] = []
    last: dict[tuple[str, str], float] = {}
    for one in reports:
        if one.lost:
            continue
        stream = (one.source, one.topic.name)
        left = one.at if one.held is None else one.held
        arrival = max(last.get(stream, 0.0), left + late[stream])
        last[stream] = arrival
        heapq.heappush(queue, (arrival, next(order), one))
        if twice and chance.random() < 0.2:  # a producer that was killed sends it again
            again = arrival + chance.choice((0.0, 2.0, 40.0))
            heapq.heappush(queue, (again, next(order), one))
    records = [
        (arrival, one) for arrival, _, one in (heapq.heappop(queue) for _ in range(len(queue)))
    ]
    return Delivery(records, max(late.values(), default=0.0))
