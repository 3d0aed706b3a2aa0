"""`python -m benchmarks.refresh`: the cost of folding a refresh, written in short and whole.

Without Kafka, in one process: batches of refreshes are folded into two tables of the same users, in
turn, so that the machine's other load falls on both alike. CPU time and bytes of changelog (keys
and values, uncompressed) of each refresh. The last line is one JSON object; it ends without one if
the two tables' sessions differ.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.figures import finish
from benchmarks.population import Population, Prepared
from schemas.topics import REGISTRATIONS
from streams import models
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.consumed import FetchedRecord
from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer

NAMES = ("whole", "short")
BATCH = 1_000
SLACK = timedelta(seconds=35)


class WrongSession(Exception):
    """The two tables have different sessions: there is no figure."""


def partition(*, short: bool) -> PartitionState:
    """An empty partition, as a worker has it."""
    table = PackedTable(Packer())
    return PartitionState(0, table, {}, SLACK, refreshes=table.overlays, short_refreshes=short)


def consumed(prepared: Iterable[Prepared]) -> list[FetchedRecord]:
    """The records as the worker's consumer returns them."""
    return [
        FetchedRecord(0, offset, 0, key.encode(), value)
        for offset, (key, value, _) in enumerate(prepared)
    ]


def fold(state: PartitionState, records: list[FetchedRecord]) -> tuple[float, float]:
    """(microseconds of CPU, bytes to write) of each record."""
    written, began = 0, time.process_time()
    for first in range(0, len(records), BATCH):
        batch = SessionBatch(state, datetime.now(UTC))
        batch.fold(REGISTRATIONS, records[first : first + BATCH])
        written += sum(len(one.key) + len(one.value or b"") for one in batch.finish().state)
    return (time.process_time() - began) * 1e6 / len(records), written / len(records)


def check(short: PartitionState, whole: PartitionState) -> None:
    """Raises WrongSession."""
    for key in whole.sessions:
        found, expected = short.session(key), whole.session(key)
        if found is None or expected is None:
            raise WrongSession(key.decode())
        found.batch = expected.batch
        if models.encode(found) != models.encode(expected):
            raise WrongSession(key.decode())


def measure(users: int, rounds: int) -> dict[str, Any]:
    """The median of some rounds, in each of which every user refreshes once."""
    population, states = (
        Population(users),
        {name: partition(short=name == "short") for name in NAMES},
    )
    registered = consumed(population.registrations(range(users)))
    for state in states.values():
        fold(state, registered)
    cpu: dict[str, list[float]] = {name: [] for name in NAMES}
    written: dict[str, float] = {}
    for turn in range(rounds):
        records = consumed(population.refreshes(users, turn * users))
        for name in NAMES if turn % 2 else reversed(NAMES):
            microseconds, written[name] = fold(states[name], records)
            cpu[name].append(microseconds)
    check(states["short"], states["whole"])
    medians = {name: statistics.median(cpu[name]) for name in NAMES}
    return {
        "users": users,
        **{f"{name}_cpu_us": round(medians[name], 1) for name in NAMES},
        **{f"{name}_bytes": round(written[name]) for name in NAMES},
        "cpu_ratio": round(medians["short"] / medians["whole"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    gc.set_threshold(200_000, 20, 100)  # as the worker does (streams/stage.py)
    finish(measure(arguments.users, arguments.rounds))


if __name__ == "__main__":
    main()
