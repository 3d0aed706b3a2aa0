"""A recorded rtpengine that answers a producer: what `rollcall replay rtpengine=FILE` plays.

    replay = RtpengineReplay(Path("ng_good.jsonl"), speed=None)
    replay.start()          # NG over UDP on 127.0.0.1; `environment` points a producer there
    replay.finished         # True when all that was recorded has been asked for

The producer asks in short rounds. Unpaced, the next recorded round is reached when the producer has
taken the one before: it has asked for all that was new, and begun another round of its own.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.replay.conductor import Conductor, Part
from local.replay.ng_recording import Answer, Deleted, Ended, Round, read_ng
from local.replay.ng_state import NgState

_LOOK_SECONDS = 0.02
# Between two rounds of the producer, seconds.
_POLL_SECONDS = 0.2
# An answer that nobody has asked for after so long is of a Call-ID that no record can carry.
_TAKEN_SECONDS = 2.0
# What a call's end waits for its last answer: a few rounds.
_LAST_ANSWER_SECONDS = 1.0
# The reason of a call's end is known one round of the producer later (rtpengine/reckoning.py).
_LAST_ROUNDS = 3
_QUESTION_MAX = 65_535
_REFUSED = {"result": "error", "error-reason": "Unrecognized command"}


class RtpengineReplay:
    """One recording served to one producer. Threads only; `stop` joins them."""

    def __init__(
        self, capture: Path, *, speed: float | None = None, conductor: Conductor | None = None
    ) -> None:
        """Raises OSError, ValueError when `capture` is no recording of NG."""
        self.frames = read_ng(capture)
        self._paced = speed is not None
        conductor = conductor or Conductor(speed)
        self._part: Part = conductor.join([shown.received for shown in self.frames])
        self._lock = threading.Lock()
        self._state = NgState(_now())
        self._listings = 0  # how often the producer has asked for one
        self._listed = 0  # rounds reached when it did so last
        self._taken = 0  # rounds of which it has asked for everything
        self._socket: socket.socket | None = None
        self._threads = [
            threading.Thread(target=task, name=f"replay{task.__name__}", daemon=True)
            for task in (self._serve, self._play)
        ]
        self.sent_events = 0  # rounds reached
        self.finished = False

    def start(self) -> None:
        """Raises OSError."""
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(_LOOK_SECONDS)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._part.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._socket is not None:
            self._socket.close()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings that point a producer here; only after `start`."""
        assert self._socket is not None, "start first"
        return {
            "ROLLCALL_RTPENGINE_NODE": node or "rtpengine",
            "ROLLCALL_RTPENGINE_NG": f"127.0.0.1:{self._socket.getsockname()[1]}",
            # A round for each recorded one, and in it every call is measured.
            "ROLLCALL_RTPENGINE_POLL_SECONDS": str(_POLL_SECONDS),
            "ROLLCALL_RTPENGINE_QUALITY_SECONDS": "0.001",
        }

    def received(self, status: dict[str, Any]) -> int:
        """Of the rounds reached, those the producer has taken; its status has no such count."""
        del status
        return self._taken

    def _play(self) -> None:
        if not self._wait(lambda: self._listings > 0) or not self._part.begin():
            return
        for index, shown in enumerate(self.frames):
            if not self._part.wait_for(index) or not self._wait_last_answers(shown):
                return
            with self._lock:
                self._state.reached(shown, _now())
                self.sent_events = index + 1
            if not self._paced and not self._wait_taken():
                return
            self._part.sent(index)
        last = self._listings + _LAST_ROUNDS
        self.finished = self._wait_taken() and self._wait(lambda: self._listings >= last)

    def _wait_last_answers(self, shown: Round) -> bool:
        """At a pace too, a call ends with its last answer given. False when stopped."""
        ending = {one.call for one in shown.changes if isinstance(one, Deleted | Ended)}
        until = time.monotonic() + _LAST_ANSWER_SECONDS
        return self._wait(lambda: ending.isdisjoint(self._state.untold) or time.monotonic() > until)

    def _wait_taken(self) -> bool:
        """False when stopped."""
        reached, until = self.sent_events, time.monotonic() + _TAKEN_SECONDS
        while self._taken < reached:
            if time.monotonic() > until:
                with self._lock:
                    self._state.forget_untold()
                until += _TAKEN_SECONDS
            if self._part.stopped.wait(_LOOK_SECONDS):
                return False
        return True

    def _wait(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            if self._part.stopped.wait(_LOOK_SECONDS):
                return False
        return True

    def _serve(self) -> None:
        assert self._socket is not None
        while not self._part.stopped.is_set():
            try:
                data, peer = self._socket.recvfrom(_QUESTION_MAX)
            except TimeoutError:
                continue
            cookie, _, text = data.partition(b" ")
            answer = json.dumps(self._answer(text), ensure_ascii=False)
            with contextlib.suppress(OSError):  # too long for a datagram: unanswered, as there
                self._socket.sendto(cookie + b" " + answer.encode("utf-8", "surrogateescape"), peer)

    def _answer(self, text: bytes) -> Answer:
        try:
            question = json.loads(text.decode("utf-8", "surrogateescape"))
            command = question["command"]
        except (ValueError, KeyError, TypeError):
            return _REFUSED
        with self._lock:
            if command == "list":
                self._note_round()
                return self._state.listed(int(question.get("limit", 32)))
            if command == "query":
                return self._state.queried(str(question.get("call-id")))
            if command == "statistics":
                return self._state.statistics(_now())
        return {"result": "pong"} if command == "ping" else _REFUSED

    def _note_round(self) -> None:
        """The producer begins a round: what it was given in the one before is published."""
        self._listings += 1
        if not self._state.untold:
            self._taken = self._listed
        self._listed = self.sent_events


def _now() -> int:
    return time.time_ns() // 1000
