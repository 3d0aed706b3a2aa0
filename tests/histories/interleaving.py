"""Every order in which reports may arrive: each source keeps its own in a topic."""

from collections.abc import Iterator

from tests.histories.reports import Report

Stream = tuple[Report, ...]


def streams(reports: list[Report]) -> list[Stream]:
    """What keeps its order: the records of one source in one topic."""
    found: dict[tuple[str, str], list[Report]] = {}
    for one in reports:
        found.setdefault((one.source, one.topic.name), []).append(one)
    return [tuple(one) for one in found.values()]


def interleavings(waiting: list[Stream]) -> Iterator[list[Report]]:
    """All of them, each once."""
    left = [stream for stream in waiting if stream]
    if not left:
        yield []
    for number, stream in enumerate(left):
        rest = [*left[:number], stream[1:], *left[number + 1 :]]
        for order in interleavings(rest):
            yield [stream[0], *order]
