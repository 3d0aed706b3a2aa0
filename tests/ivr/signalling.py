"""The SIP messages that the test IVR sends: answers, and the BYE of a callee (RFC 3261)."""

import re
import socket
import time
from typing import Protocol

from tests.ivr.greetings import Greeting


class Answered(Protocol):
    """A call as its answers need it."""

    greeting: Greeting

    @property
    def sdp(self) -> str: ...


class Answers:
    """The SIP messages of one call, sent by whichever thread has the occasion."""

    def __init__(self, server: socket.socket, invite: str, peer: tuple[str, int]) -> None:
        self._server, self._invite, self._peer = server, invite, peer
        self._tag = f"ivr{time.monotonic_ns()}"
        self._cseq = 1

    def ring(self, call: Answered) -> None:
        if call.greeting.early or call.greeting.stays_early:
            self._send("183 Session Progress", call.sdp)
        elif call.greeting.rings:
            self._send("180 Ringing")

    def answer(self, call: Answered) -> None:
        self._send("200 OK", call.sdp)

    def hang_up(self, call: Answered) -> None:
        """BYE, as the callee sends it: From and To change places."""
        del call
        contact = re.search(r"^Contact: *.*?<([^>]+)>", self._invite, re.MULTILINE | re.IGNORECASE)
        target = contact[1] if contact else f"sip:{self._peer[0]}:{self._peer[1]}"
        port = self._server.getsockname()[1]
        lines = (
            f"BYE {target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{time.monotonic_ns()};rport",
            f"From: {header(self._invite, 'To')};tag={self._tag}",
            f"To: {header(self._invite, 'From')}",
            f"Call-ID: {header(self._invite, 'Call-ID')}",
            f"CSeq: {self._cseq} BYE",
            "Max-Forwards: 70",
            "Content-Length: 0",
        )
        self._server.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self._peer)

    def _send(self, status: str, body: str = "") -> None:
        text = answer_to(self._invite, status, self._tag, self._server.getsockname()[1], body)
        self._server.sendto(text.encode(), self._peer)


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name} *: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def answer_to(request: str, status: str, tag: str, port: int, body: str = "") -> str:
    vias = re.findall(r"^Via *: *(.*?)\r?$", request, re.MULTILINE | re.IGNORECASE)
    to = header(request, "To")
    if tag and ";tag=" not in to:
        to += f";tag={tag}"
    lines = [
        f"SIP/2.0 {status}",
        *(f"Via: {via}" for via in vias),
        f"From: {header(request, 'From')}",
        f"To: {to}",
        f"Call-ID: {header(request, 'Call-ID')}",
        f"CSeq: {header(request, 'CSeq')}",
        f"Contact: <sip:ivr@127.0.0.1:{port}>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body
