"""Serves a recorded Kamailio's evapi and JSON-RPC: what `rollcall replay kamailio=FILE` plays.

    replay = KamailioReplay(Path("sc_b_fin.jsonl"), speed=None)
    replay.start()          # evapi and JSON-RPC on 127.0.0.1; `environment` points a producer there
    replay.finished         # True when everything has been sent

The recorded lines are sent to the client of evapi; their times keep their distance to the time of
receipt. Commands are answered by rpc_listings. Unpaced, the lines after a recorded listing wait
until the producer has asked for it, so that it counts in its recorded place.
"""

import threading
import time
from pathlib import Path
from typing import Any

from local.replay.conductor import POLL_SECONDS, Conductor
from local.replay.evapi_recording import (
    Frame,
    RecordedLine,
    RecordedListing,
    domain_of,
    read_kamailio,
)
from local.replay.evapi_server import EvapiServer
from local.replay.pace import Feedback, Pace
from local.replay.rpc_listings import RpcListings
from runtime.settings import is_configured
from streams.folds.ordering import EXPIRY_TOLERANCE, LISTING_LAG

# A line's time is before its sending, by its delay in the recording.
_AFTER_GAP_SECONDS = 0.1
# A listing is not compared with events of so shortly before it.
_LAG_SECONDS = LISTING_LAG.total_seconds() + 0.1
# A contact removed this long before its expiry has not expired. Unpaced, the replay waits so long
# at most for an expiry.
_EARLY_SECONDS, _EXPIRY_SECONDS = EXPIRY_TOLERANCE.total_seconds() - 1, 30.0


class KamailioReplay:
    """Serves one recording to one producer, in threads; `stop` joins them."""

    def __init__(
        self,
        capture: Path,
        *,
        speed: float | None = None,
        feedback: Feedback | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """Raises OSError, ValueError when `capture` is not a recording of Kamailio."""
        self.frames = read_kamailio(capture)
        self._paced = speed is not None
        self._feedback = feedback or Feedback()
        conductor = conductor or Conductor(speed)
        self._part = conductor.join([frame.received for frame in self.frames])
        self._pace = Pace(self._part, self._feedback, paced=self._paced)
        listings = [frame for frame in self.frames if isinstance(frame, RecordedListing)]
        self._lists = bool(listings)
        self._domain = domain_of(capture, self.frames)
        self._evapi = EvapiServer()
        self._rpc = RpcListings(listings, paced=self._paced)
        self._thread = threading.Thread(target=self._play, name="replay-kamailio", daemon=True)
        self._last_sent = (0, 0.0)  # when the last event was recorded, µs, and sent
        # The same of each Call-ID's last registration.
        self._registered: dict[bytes, tuple[int, float]] = {}
        self.finished = False

    @property
    def sent_events(self) -> int:
        """In bytes: a stream has no boundaries."""
        return self._evapi.sent_bytes

    @property
    def total_events(self) -> int:
        """The same unit."""
        return sum(len(f.data) for f in self.frames if isinstance(f, RecordedLine))

    def start(self) -> None:
        """Listen, and start the sending thread. Raises OSError."""
        self._rpc.start()
        self._evapi.start()
        self._thread.start()

    def stop(self) -> None:
        """Close everything, and wait for the threads."""
        self._part.stop()
        self._thread.join()
        self._evapi.stop()
        self._rpc.stop()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a producer that connects here; only after `start`."""
        found = {
            "ROLLCALL_KAMAILIO_NODE": node or "kamailio",
            "ROLLCALL_KAMAILIO_EVAPI": self._evapi.address,
            "ROLLCALL_KAMAILIO_RPC_URL": self._rpc.url,
            "ROLLCALL_KAMAILIO_KERNEL": "off",
        }
        if self._lists:  # its shortest interval, so that no listing is missed
            found["ROLLCALL_KAMAILIO_SNAPSHOT_INTERVAL_SECONDS"] = "1"
        if self._domain and not is_configured("kamailio"):
            found["ROLLCALL_KAMAILIO_DOMAIN"] = self._domain
        return found

    def received(self, status: dict[str, Any]) -> int:
        """The bytes that a producer has read, without the empty line it counts per connection."""
        count: int = status["received_bytes"] - status["connections"]
        return count

    def _play(self) -> None:
        first = self.frames[0]
        if isinstance(first, RecordedListing):
            # Listed before any event: the answer to the producer's first listing.
            self._rpc.offer(first)
        # The producer reports a gap up to its connection: the lines must be later.
        if not self._part.wait_until(lambda: self._evapi.connected and self._feedback.ready()):
            return
        if self._part.stopped.wait(_AFTER_GAP_SECONDS):
            return
        if isinstance(first, RecordedListing) and not self._rpc.wait_asked(
            first, self._part.stopped
        ):
            return
        if not self._part.begin():
            return
        for index, frame in enumerate(self.frames):
            if not self._play_frame(index, frame):
                return
        self.finished = True

    def _play_frame(self, index: int, frame: Frame) -> bool:
        if isinstance(frame, RecordedListing):
            if index and not self._play_listing(index, frame):
                return False
            self._part.sent(index)
            return True
        return (
            self._pace.wait_for(index, frame.kind, self.sent_events)
            and self._wait_expiry(frame)
            and self._send(frame)
            and self._pace.sent(index, self.sent_events)
        )

    def _play_listing(self, index: int, listing: RecordedListing) -> bool:
        if not self._part.wait_for(index):
            return False
        if not self._wait_apart(self._last_sent, listing.received, _LAG_SECONDS):
            return False
        self._rpc.offer(listing)
        return self._paced or self._rpc.wait_asked(listing, self._part.stopped)

    def _wait_expiry(self, line: RecordedLine) -> bool:
        since = self._registered.get(line.call_id) if line.is_expiry else None
        if since is None:
            return True
        return self._wait_apart(since, line.received - int(_EARLY_SECONDS * 1e6), _EXPIRY_SECONDS)

    def _wait_apart(self, since: tuple[int, float], recorded: int, most: float) -> bool:
        """Unpaced, wait until as long after an event as recorded, at most `most` seconds."""
        apart = min((recorded - since[0]) / 1e6, most)
        return self._paced or self._part.wait_until(lambda: time.monotonic() - since[1] >= apart)

    def _send(self, line: RecordedLine) -> bool:
        """Send a line to the client; wait for one if there is none. False when stopped first."""
        self._rpc.passed(line.kind)
        while not self._evapi.send(line):
            if self._part.stopped.wait(POLL_SECONDS):
                return False
        self._last_sent = line.received, time.monotonic()
        if line.kind == "registrations" and line.call_id:
            self._registered[line.call_id] = self._last_sent
        return True
