"""The JSON-RPC side of a replayed Kamailio: offers recorded listings, and knows which were asked.

One thread plays the recording; each command of the producer is answered in a thread of its own.
"""

import threading
import time
from typing import Any

from local.replay.conductor import POLL_SECONDS
from local.replay.evapi_recording import RecordedListing
from local.replay.rpc_answers import NOT_NOW, USER_LISTING, RpcAnswers
from local.replay.rpc_server import RpcServer

# The producer lists all contacts every 2 s (producers/listing_times.py), one user immediately.
_ASKED_SECONDS, _USER_ASKED_SECONDS, _NEXT_ASKED_SECONDS = 5.0, 1.0, 0.5
# How long a command waits for an answer that comes later in the recording.
_ANSWER_SECONDS = 1.5


class RpcListings:
    """Answers commands with the listings that the play has reached."""

    def __init__(self, listings: list[RecordedListing], *, paced: bool) -> None:
        """Unpaced, a listing must be asked for in its place among the events, not before."""
        self._paced = paced
        self._changed = threading.Condition()
        self._answers = RpcAnswers(listings)
        self._asked: set[int] = set()  # answers given, by identity
        self._server = RpcServer(self._answer)

    @property
    def url(self) -> str:
        """Where commands are answered; only after `start`."""
        return self._server.url

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop()

    def passed(self, kind: str) -> None:
        """The play has reached an event of this kind."""
        with self._changed:
            self._answers.passed(kind)

    def offer(self, listing: RecordedListing) -> None:
        """The play has reached a listing: commands get its answers from now on."""
        with self._changed:
            self._answers.reached(listing)
            self._changed.notify_all()

    def wait_asked(self, listing: RecordedListing, stopped: threading.Event) -> bool:
        """Wait until the producer has asked for all of it, or has stopped asking.

        False when stopped first.
        """
        left = {id(answer) for answer in listing.answers}
        of_all = any(answer.method != USER_LISTING for answer in listing.answers)
        until = time.monotonic() + (_ASKED_SECONDS if of_all else _USER_ASKED_SECONDS)
        while left and time.monotonic() < until:
            with self._changed:
                self._changed.wait(POLL_SECONDS)
                if left & self._asked:
                    left -= self._asked
                    until = time.monotonic() + _NEXT_ASKED_SECONDS
            if stopped.is_set():
                return False
        return True

    def _answer(self, method: str, params: Any) -> dict[str, Any]:
        """Answer a command; called in a thread of its own."""
        waits = self._paced or method == USER_LISTING
        until = time.monotonic() + (_ANSWER_SECONDS if waits else 0.0)
        with self._changed:
            while (found := self._answers.answer(method, params)) is None:
                left = until - time.monotonic()
                if left <= 0 or not self._answers.is_upcoming(method, params):
                    return NOT_NOW
                self._changed.wait(left)
            self._asked.add(id(found))
            self._changed.notify_all()
            return found.outcome
