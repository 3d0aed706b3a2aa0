"""Run by test_publisher: five greenlets publish, a sixth measures how long it had to wait."""

import json
import sys
import time
from pathlib import Path

import gevent
from gevent import monkey

when = sys.argv[1]
if when == "before":
    monkey.patch_all()

from producers.publisher import Publisher, PublisherSettings  # noqa: E402 - perhaps patched before
from runtime.kafka import KafkaSettings  # noqa: E402 - perhaps patched before
from schemas.topics import REGISTRATIONS  # noqa: E402 - perhaps patched before
from tests.integration.publisher_streams import event  # noqa: E402 - perhaps patched before

if when == "after":
    monkey.patch_all()

publisher = Publisher(
    KafkaSettings.model_validate_json(sys.argv[2]),
    PublisherSettings(spool_folder=Path(sys.argv[3])),
    "freeswitch/node1",
)
longest_pause = 0.0
running = True


def publish(user: str) -> None:
    for number in range(1, 201):
        publisher.publish(REGISTRATIONS, user, event(user, number))
        gevent.sleep(0)


def heartbeat() -> None:
    global longest_pause
    while running:
        before = time.monotonic()
        gevent.sleep(0.01)
        longest_pause = max(longest_pause, time.monotonic() - before - 0.01)


beat = gevent.spawn(heartbeat)
gevent.joinall([gevent.spawn(publish, f"sip:u{i}@example.org") for i in range(5)], raise_error=True)
while publisher.status()["undelivered"]:
    gevent.sleep(0.02)
running = False
beat.join()
publisher.close(20)
print(json.dumps({**publisher.status(), "longest_pause": longest_pause}))  # noqa: T201 - what the test reads
