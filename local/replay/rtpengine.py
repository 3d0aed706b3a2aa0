"""Serves a recorded rtpengine's NG protocol: what `rollcall replay rtpengine=FILE` plays.

    replay = RtpengineReplay(Path("ng_good.jsonl"), speed=None)
    replay.start()          # NG over UDP on 127.0.0.1; `environment` points a producer there
    replay.finished         # True when the producer has asked for everything recorded

The producer polls in short rounds. Unpaced, the next recorded round is reached when the producer
has consumed the one before: it has asked for everything new, and begun its next round.
"""

import contextlib
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

from local.replay.conductor import POLL_SECONDS, Conductor, Part
from local.replay.ng_recording import Answer, Deleted, Ended, Round, read_ng
from local.replay.ng_state import NgState

_RECEIVE_SECONDS = 0.02
# Between two rounds of the producer, seconds.
_POLL_SECONDS = 0.2
# An answer not asked for within this has a Call-ID that does not fit a record.
_CONSUMED_SECONDS = 2.0
# How long a call's end waits for its last answer: a few rounds.
_LAST_ANSWER_SECONDS = 1.0
# The producer knows the reason of a call's end a round later (producers/rtpengine/end_reasons.py).
_LAST_ROUNDS = 3
_QUESTION_MAX = 65_535
_REFUSED = {"result": "error", "error-reason": "Unrecognized command"}


class RtpengineReplay:
    """Serves one recording to one producer, in threads; `stop` joins them."""

    def __init__(
        self, capture: Path, *, speed: float | None = None, conductor: Conductor | None = None
    ) -> None:
        """Raises OSError, ValueError when `capture` is not a recording of NG."""
        self.frames = read_ng(capture)
        self._paced = speed is not None
        conductor = conductor or Conductor(speed)
        self._part: Part = conductor.join([shown.received for shown in self.frames])
        self._lock = threading.Lock()
        self._state = NgState(_now())
        self._listings = 0  # how many the producer has asked for
        self._listed = 0  # rounds reached at the last of them
        self._consumed = 0  # rounds of which it has asked for everything
        self._socket: socket.socket | None = None
        self._threads = [
            threading.Thread(target=task, name=f"replay{task.__name__}", daemon=True)
            for task in (self._serve, self._play)
        ]
        self.sent_events = 0  # rounds reached
        self.finished = False

    @property
    def total_events(self) -> int:
        """The rounds."""
        return len(self.frames)

    def start(self) -> None:
        """Listen, and start the threads. Raises OSError."""
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(_RECEIVE_SECONDS)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close the socket, and wait for the threads."""
        self._part.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._socket is not None:
            self._socket.close()

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of a producer that asks here; only after `start`."""
        assert self._socket is not None, "start first"
        return {
            "ROLLCALL_RTPENGINE_NODE": node or "rtpengine",
            "ROLLCALL_RTPENGINE_NG": f"127.0.0.1:{self._socket.getsockname()[1]}",
            # Short rounds, in each of which every call is measured.
            "ROLLCALL_RTPENGINE_POLL_SECONDS": str(_POLL_SECONDS),
            "ROLLCALL_RTPENGINE_QUALITY_SECONDS": "0.001",
        }

    def received(self, status: dict[str, Any]) -> int:
        """The rounds that the producer has consumed; its status has no such count."""
        del status
        return self._consumed

    def _play(self) -> None:
        if not self._part.wait_until(lambda: self._listings > 0) or not self._part.begin():
            return
        for index, shown in enumerate(self.frames):
            if not self._part.wait_for(index) or not self._wait_last_answers(shown):
                return
            with self._lock:
                self._state.reached(shown, _now())
                self.sent_events = index + 1
            if not self._paced and not self._wait_consumed():
                return
            self._part.sent(index)
        last = self._listings + _LAST_ROUNDS
        self.finished = self._wait_consumed() and self._part.wait_until(
            lambda: self._listings >= last
        )

    def _wait_last_answers(self, shown: Round) -> bool:
        """Wait until ending calls have given their last answer. False when stopped first."""
        ending = {one.call for one in shown.changes if isinstance(one, Deleted | Ended)}
        until = time.monotonic() + _LAST_ANSWER_SECONDS
        return self._part.wait_until(
            lambda: ending.isdisjoint(self._state.pending) or time.monotonic() > until
        )

    def _wait_consumed(self) -> bool:
        """Wait until the producer has consumed every round. False when stopped first."""
        reached, until = self.sent_events, time.monotonic() + _CONSUMED_SECONDS
        while self._consumed < reached:
            if time.monotonic() > until:
                with self._lock:
                    self._state.drop_pending()
                until += _CONSUMED_SECONDS
            if self._part.stopped.wait(POLL_SECONDS):
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
            with contextlib.suppress(OSError):  # too long for a datagram: no answer, like rtpengine
                self._socket.sendto(cookie + b" " + answer.encode("utf-8", "surrogateescape"), peer)

    def _answer(self, text: bytes) -> Answer:
        try:
            question = json.loads(text.decode("utf-8", "surrogateescape"))
            command = question["command"]
        except (ValueError, KeyError, TypeError):
            return _REFUSED
        with self._lock:
            if command == "list":
                self._begin_round()
                return self._state.listed(int(question.get("limit", 32)))
            if command == "query":
                return self._state.queried(str(question.get("call-id")))
            if command == "statistics":
                return self._state.statistics(_now())
        return {"result": "pong"} if command == "ping" else _REFUSED

    def _begin_round(self) -> None:
        """The producer begins a round: the answers of its last round are published."""
        self._listings += 1
        if not self._state.pending:
            self._consumed = self._listed
        self._listed = self.sent_events


def _now() -> int:
    return time.time_ns() // 1000
