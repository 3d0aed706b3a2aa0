"""Every order in which what was said may come: each source keeps its own in a topic."""

from collections.abc import Iterator

from tests.histories.said import Said

Stream = tuple[Said, ...]


def streams(said: list[Said]) -> list[Stream]:
    """What keeps its order: the records of one source in one topic."""
    found: dict[tuple[str, str], list[Said]] = {}
    for one in said:
        found.setdefault((one.source, one.topic.name), []).append(one)
    return [tuple(one) for one in found.values()]


def interleavings(waiting: list[Stream]) -> Iterator[list[Said]]:
    """All of them, each once."""
    left = [stream for stream in waiting if stream]
    if not left:
        yield []
    for number, stream in enumerate(left):
        rest = [*left[:number], stream[1:], *left[number + 1 :]]
        for order in interleavings(rest):
            yield [stream[0], *order]
