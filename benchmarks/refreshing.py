"""`python -m benchmarks.refreshing`: events/s where nearly every event is a refresh, as in life.

The streams worker and Kafka Streams on one data set (`throughput`), of phones that refresh and
hardly ever leave. The last line is one JSON object.
"""

import argparse
import json

from benchmarks import throughput
from benchmarks.dataset import DataSet

PEERS = ["rollcall", "kafka_streams"]
# The rate is measured once nearly all users have registered. Of the rest 98 % are refreshes: those
# who leave, and come back, are the data set's swapped neighbours.
WARM_UP = 0.3
_LEAVES = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    throughput.add_options(parser, events=200_000, users=10_000, leaves=_LEAVES)
    options = parser.parse_args()
    options.only = PEERS
    with throughput.started(options.partitions, PEERS) as kafka:
        data = DataSet(options.events, options.users, leaves=options.leaves)
        result = throughput.compare(kafka, data, options, WARM_UP)
    print(json.dumps(result))  # noqa: T201 - its last line


if __name__ == "__main__":
    main()
