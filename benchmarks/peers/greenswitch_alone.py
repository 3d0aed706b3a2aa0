"""Peer: greenswitch as its documentation shows it, with a handler that only counts.

Prints the seconds from the subscription to the last event. Arguments: port, number of events.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402 - patched before
import time  # noqa: E402 - patched before
from typing import Any  # noqa: E402 - patched before

import gevent  # noqa: E402 - patched before
from greenswitch import InboundESL  # noqa: E402 - patched before


def main(port: int, events: int) -> None:
    seen: list[float] = []
    client = InboundESL(host="127.0.0.1", port=port, password="ClueCon")
    client.connect()

    def count(event: Any) -> None:
        if event.headers["from-user"]:
            seen.append(time.monotonic())

    client.register_handle("sofia::register", count)
    began = time.monotonic()
    client.send("event plain CUSTOM sofia::register")
    while len(seen) < events:
        gevent.sleep(0.01)
    sys.stdout.write(f"{seen[-1] - began}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
