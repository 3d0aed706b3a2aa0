"""Counters: what is counted by any thread is what a collector reads."""

from concurrent.futures import ThreadPoolExecutor

from opentelemetry.metrics import CallbackOptions

from runtime.metrics import Tally


def test_a_collector_reads_what_was_counted() -> None:
    tally = Tally("test_counted")

    def count(_: int) -> None:
        for _ in range(1_000):
            tally.add(1, {"source": "freeswitch", "node": "fs1"})
            tally.add(2, {"node": "fs1", "source": "freeswitch"})  # the same, in another order
            tally.add(1, {"source": "freeswitch", "node": "fs2"})
            tally.add(1)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    read = {
        tuple(sorted((seen.attributes or {}).items())): seen.value
        for seen in tally._observe(CallbackOptions())
    }
    assert read == {
        (("node", "fs1"), ("source", "freeswitch")): 12_000,
        (("node", "fs2"), ("source", "freeswitch")): 4_000,
        (): 4_000,
    }
