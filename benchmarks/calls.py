"""`python -m benchmarks.calls`: call events folded in a second by one process, and memory a call.

Without Kafka: decoding, folding, and encoding of what has changed, in batches of a thousand.
"""

import argparse
import gc
import time
import tracemalloc
from datetime import UTC, datetime

from calls.fold.book import CallBook
from schemas.call import CallEvent
from schemas.codec import decode, encode
from tests.unit.calls.generated import PARTITIONS, Generator

_BATCH = 1_000
_NOW = datetime(2030, 1, 1, tzinfo=UTC)


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    count = parser.parse_args().calls
    generator = Generator(1)
    made = [generator.call(number) for number in range(count)]
    events = sorted(
        (event for call in made for leg in call.legs.values() for event in leg),
        key=lambda event: event.at,
    )
    values = [encode(event) for event in events]
    seconds = _fold(values)
    tracemalloc.start()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    book = CallBook(PARTITIONS)
    for value in values:
        book.read_call(decode(CallEvent, value), 0, _NOW)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    print(  # noqa: T201 - a command
        f"{len(values):,} events of {count:,} calls: {len(values) / seconds:,.0f} events/s, "
        f"{held / len(book.calls) / 1000:.1f} kB a call"
    )


def _fold(values: list[bytes]) -> float:
    """Seconds of processor time that folding takes."""
    book = CallBook(PARTITIONS)
    began = time.process_time()
    for start in range(0, len(values), _BATCH):
        for value in values[start : start + _BATCH]:
            book.read_call(decode(CallEvent, value), 0, _NOW)
        for record in book.records():
            encode(record)
    return time.process_time() - began


if __name__ == "__main__":
    main()
