"""The test IVR on the network: answers INVITEs over UDP, plays its menus as RTP, takes digits.

The number's last two digits choose the greeting: 900 is the first one. `python -m tests.ivr.server
PORT` runs it until Ctrl-C.
"""

import re
import socket
import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType

from tests.ivr.audio import tone, ulaw
from tests.ivr.greetings import GREETINGS, Greeting
from tests.ivr.menu import Menu, Stage
from tests.ivr.rtp import Digits, Sender
from tests.ivr.signalling import Answers, answer_to, header

FIRST_NUMBER = 900
_FRAME_SECONDS = 0.02
_QUIET_AFTER_SECONDS = 300.0
_RINGING, _PAUSE = ulaw(tone(425, 0.02)), ulaw(tone(425, 0.02, 0))


def number_of(greeting: Greeting) -> str:
    """What to dial for a greeting."""
    return str(FIRST_NUMBER + GREETINGS.index(greeting))


class IvrCall(threading.Thread):
    """One call: its signalling is driven by the server's thread, its media by this one."""

    def __init__(
        self, greeting: Greeting, invite: str, answer: "Answers", peer: tuple[str, int]
    ) -> None:
        super().__init__(daemon=True, name=f"ivr-{greeting.name}")
        self.greeting, self.menu = greeting, Menu(greeting)
        self.call_id = header(invite, "Call-ID")
        self._answers, self._peer = answer, peer
        self._offer = re.search(r"^c=IN IP4 (\S+)", invite, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", invite, re.MULTILINE)
        events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", invite, re.MULTILINE)
        assert self._offer is not None
        assert port is not None
        self._remote = self._offer[1], int(port[1])
        self.payload_type = int(events[1]) if events else 101
        self.digits = Digits(self.payload_type)
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.is_over = threading.Event()
        self.info: list[str] = []
        self.keyed_at: list[float] = []
        self.began = time.monotonic()
        self.media_at: float | None = None
        self.first_packet_at: float | None = None

    def run(self) -> None:
        try:
            self._answers.ring(self)
            self._play()
        finally:
            self.is_over.set()
            self.socket.close()

    def key(self, digit: str) -> None:
        """A digit came, by RTP or INFO."""
        self.keyed_at.append(time.monotonic())
        self.menu.key(digit)

    def _play(self) -> None:
        greeting = self.greeting
        sender = Sender(id(self) & 0xFFFFFFFF)
        due = time.monotonic()
        answered_at: float | None = None
        while not self.is_over.is_set() and due - self.began < _QUIET_AFTER_SECONDS:
            since = due - self.began
            if answered_at is None and not greeting.stays_early:
                if since >= max(greeting.rings, greeting.early):
                    answered_at = due
                    self._answers.answer(self)
            elif answered_at is None and self.menu.reached:
                answered_at = due
                self._answers.answer(self)
            payload = self._payload(due, answered_at)
            if payload is not None:
                self.socket.sendto(sender.packet(payload), self._remote)
            due += _FRAME_SECONDS
            self._receive(due)
            if self.menu.stage is Stage.OVER:
                self._answers.hang_up(self)
                return

    def _payload(self, now: float, answered_at: float | None) -> bytes | None:
        greeting = self.greeting
        if answered_at is None and not greeting.stays_early:
            if greeting.early:
                return _RINGING if (now - self.began) % 5 < 1 else _PAUSE
            return None
        is_late = answered_at is not None and now - answered_at < greeting.late
        if is_late and not greeting.stays_early:
            return None
        if greeting.waits_for_media and not self.digits.audio_packets:
            return None
        if self.media_at is None:
            self.media_at = now
        return ulaw(self.menu.frame())

    def _receive(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            # A time-out of the socket, not select(): that one refuses descriptors above 1,023.
            self.socket.settimeout(left)
            try:
                packet = self.socket.recv(2048)
            except TimeoutError:
                return
            if self.first_packet_at is None:
                self.first_packet_at = time.monotonic()
            digit = self.digits.feed(packet)
            if digit is not None:
                self.key(digit)

    @property
    def sdp(self) -> str:
        return (
            f"v=0\r\no=ivr 1 1 IN IP4 127.0.0.1\r\ns=ivr\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.socket.getsockname()[1]} RTP/AVP 0 {self.payload_type}\r\n"
            f"a=rtpmap:0 PCMU/8000\r\na=rtpmap:{self.payload_type} telephone-event/8000\r\n"
            f"a=fmtp:{self.payload_type} 0-15\r\na=ptime:20\r\n"
        )


class IvrServer:
    """Serves in a thread of its own while entered. `calls`: every call, oldest first."""

    def __init__(self, port: int = 0, greetings: Iterable[Greeting] = GREETINGS) -> None:
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._greetings = tuple(greetings)
        self.port: int = self._socket.getsockname()[1]
        self.calls: list[IvrCall] = []
        self.invites = 0

    def __enter__(self) -> "IvrServer":
        threading.Thread(target=self._serve, daemon=True, name="ivr").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for call in self.calls:
            call.is_over.set()
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        for call in self.calls:
            call.join(5)

    def calls_to(self, number: str) -> list[IvrCall]:
        """The calls of one greeting's number."""
        greeting = self._greetings[int(number) - FIRST_NUMBER]
        return [call for call in self.calls if call.greeting is greeting]

    def _serve(self) -> None:
        with self._socket:
            while data := self._socket.recvfrom(65536):
                message, peer = data
                if not message:
                    return
                if message.strip():
                    self._accept(message.decode("utf-8", "replace"), peer)

    def _accept(self, message: str, peer: tuple[str, int]) -> None:
        method = message.split(" ", 1)[0]
        known = {call.call_id: call for call in self.calls}
        call = known.get(header(message, "Call-ID"))
        if method == "INVITE":
            if call is None:
                self._invite(message, peer)
        elif method not in ("ACK", "SIP/2.0"):
            if call is not None and method in ("BYE", "CANCEL"):
                call.is_over.set()
            if call is not None and method == "INFO":
                signal = re.search(r"Signal= *(\S)", message)
                if signal is not None:
                    call.info.append(message.partition("\r\n\r\n")[2])
                    call.key(signal[1])
            self._socket.sendto(answer_to(message, "200 OK", "", self.port).encode(), peer)

    def _invite(self, message: str, peer: tuple[str, int]) -> None:
        self.invites += 1
        number = re.match(r"INVITE sip:\+?(\d+)", message)
        place = int(number[1]) - FIRST_NUMBER if number else -1
        if not 0 <= place < len(self._greetings):
            self._socket.sendto(answer_to(message, "404 Not Found", "x", self.port).encode(), peer)
            return
        self._socket.sendto(answer_to(message, "100 Trying", "", self.port).encode(), peer)
        answers = Answers(self._socket, message, peer)
        call = IvrCall(self._greetings[place], message, answers, peer)
        self.calls.append(call)
        call.start()


if __name__ == "__main__":
    with IvrServer(int(sys.argv[1])) as server:
        threading.Event().wait()
