"""`python -m tests.live.closes --rounds N --phones P`: how long until a closed connection is known.

Needs a FreeSWITCH and an OpenSIPS (ROLLCALL_TEST_…). Phones register over TCP and close their
connections one by one; each time is from close() until a consumer of rollcall.presence has the
user's unreachable record. The first round after the start of broker and worker is shown by itself:
the broker's code is not compiled yet, and takes most of a core. Exit status 1 where somebody was
not known.
"""

import argparse
import logging
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import structlog
from confluent_kafka import Consumer

from local.kafka import EmbeddedKafka
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.presence import Presence
from schemas.topics import PRESENCE
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.sip_client import SipClient
from tests.live.clusters import EdgeCluster, LiveCluster

_SECONDS = 10.0
_PAUSE_SECONDS = 0.02  # between two closes: each by itself, as phones die


class Watch:
    """When each user's first unreachable record came, by the monotonic clock, in a thread."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.reachable: set[str] = set()
        self.unreachable_at: dict[str, float] = {}
        self._stop = threading.Event()
        self._consumer = Consumer(kafka.consumer("closes", **{"fetch.wait.max.ms": 10}))
        self._consumer.subscribe([kafka.name(PRESENCE)])
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() or (value := message.value()) is None:
                continue
            presence = codec.decode(Presence, value)
            user = presence.aor.removeprefix("sip:").partition("@")[0]
            if presence.reachable:
                self.reachable.add(user)
                self.unreachable_at.pop(user, None)
            else:
                self.reachable.discard(user)
                self.unreachable_at.setdefault(user, time.monotonic())


def play(cluster: LiveCluster | EdgeCluster, watch: Watch, users: list[str]) -> list[float]:
    """One round: the seconds of each close. Raises AssertionError where one is not known."""
    phones = {user: SipClient(cluster.server.port, user) for user in users}
    for phone in phones.values():
        phone.register()
    eventually(lambda: watch.reachable >= set(users), _SECONDS, what="all phones online")
    closed = {}
    for user, phone in phones.items():
        closed[user] = time.monotonic()
        phone.close()
        time.sleep(_PAUSE_SECONDS)
    eventually(lambda: watch.unreachable_at.keys() >= set(users), _SECONDS, what="all offline")
    return [watch.unreachable_at[user] - at for user, at in closed.items()]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.closes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--phones", type=int, default=120)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    users = [f"extra-{number}" for number in range(1, arguments.phones + 1)]
    with tempfile.TemporaryDirectory(prefix="rollcall-closes-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            for kind in ("freeswitch", "opensips", "edge"):
                place = Path(folder) / kind
                place.mkdir()
                with own_topics(kafka.bootstrap_servers) as settings:
                    _measure(kind, settings, place, users, arguments.rounds)
        except AssertionError as error:
            sys.stdout.write(f"not known: {error}\n")
            return 1
        finally:
            kafka.stop()
    return 0


def _measure(kind: str, kafka: KafkaSettings, folder: Path, users: list[str], rounds: int) -> None:
    cluster = EdgeCluster(kafka, folder) if kind == "edge" else LiveCluster(kind, kafka, folder)
    watch = Watch(kafka)
    try:
        first, *others = [play(cluster, watch, users) for _ in range(rounds + 1)]
    finally:
        watch.close()
        cluster.stop()
    _show(f"{kind}, first round", first)
    _show(kind, [seconds for taken in others for seconds in taken])


def _show(what: str, seconds: list[float]) -> None:
    taken = [1000 * one for one in seconds]
    median, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    sys.stdout.write(
        f"{what}: {len(taken)} closes, median {median:.1f} ms, p99 {p99:.1f} ms, "
        f"most {max(taken):.1f} ms\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
