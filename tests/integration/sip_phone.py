"""A scripted phone: a SIP client that calls and is called over its connection (RFC 3261 §12)."""

import re
from dataclasses import dataclass, field

from tests.integration.sip_client import DOMAIN, SipClient

_SDP = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "",
    )
)


@dataclass
class Message:
    """A request or an answer as it came."""

    text: str

    @property
    def start(self) -> str:
        return self.text.partition("\r\n")[0]

    def all(self, name: str) -> list[str]:
        return re.findall(rf"(?im)^{name}\s*:\s*(.*?)\r?$", self.text)

    def header(self, name: str) -> str:
        return self.all(name)[0]


@dataclass
class Dialog:
    """One call as this phone sees it."""

    invite: Message
    local: str
    remote: str
    target: str
    route: list[str]
    cseq: int = 1
    call_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.call_id = self.invite.header("Call-ID")


class SipPhone(SipClient):
    """Registered by `register`, called by others over the connection it registered on."""

    _received = b""
    _requests = 0

    def call(self, user: str) -> Message:
        """Send an INVITE; what was sent."""
        self._requests += 1
        request = self._request(
            "INVITE",
            f"sip:{user}@{DOMAIN}",
            f"<sip:{self.user}@{DOMAIN}>;tag=a{self.port}",
            f"<sip:{user}@{DOMAIN}>",
            f"call-{self._requests}-{self.call_id}",
            1,
            [f"Contact: <{self.contact}>", "Content-Type: application/sdp"],
            _SDP.format(port=self.port),
        )
        return Message(request)

    def rung(self) -> Message:
        """Wait for an INVITE, and ring."""
        invite = self.next("INVITE ")
        self.reply(invite, "180 Ringing")
        return invite

    def answer(self, invite: Message) -> Dialog:
        """Answer. The caller's ACK comes in between (`next` passes it over)."""
        body = _SDP.format(port=self.port)
        self.reply(invite, "200 OK", ["Content-Type: application/sdp"], body)
        return Dialog(
            invite,
            invite.header("To") + self._tag,
            invite.header("From"),
            _uri(invite.header("Contact")),
            invite.all("Record-Route"),
        )

    def answered(self, invite: Message) -> Dialog:
        """Wait for the answer to this phone's call, and acknowledge it."""
        answer = self.next("SIP/2.0 200", invite.header("CSeq"))
        route = list(reversed(answer.all("Record-Route")))
        dialog = Dialog(
            invite,
            answer.header("From"),
            answer.header("To"),
            _uri(answer.header("Contact")),
            route,
        )
        self._in_dialog("ACK", dialog)
        return dialog

    def refused(self, invite: Message, status: int) -> None:
        """Wait for this answer to this phone's call, and acknowledge it."""
        answer = self.next(f"SIP/2.0 {status}", invite.header("CSeq"))
        target = f"{invite.start.split(' ')[1]}"
        self._request(
            "ACK",
            target,
            invite.header("From"),
            answer.header("To"),
            invite.header("Call-ID"),
            1,
            [],
            via=invite.header("Via"),
        )

    def hang_up(self, dialog: Dialog) -> None:
        """Send a BYE; its answer, which a proxy has from the other phone, is passed over."""
        dialog.cseq += 1
        self._in_dialog("BYE", dialog)

    def hung_up(self) -> None:
        """Wait for a BYE, and answer."""
        self.reply(self.next("BYE "), "200 OK")

    def cancelled(self, invite: Message) -> None:
        """Wait for the caller's CANCEL, and end the call."""
        self.reply(self.next("CANCEL "), "200 OK")
        self.reply(invite, "487 Request Terminated")
        self.next("ACK ")

    def cancel(self, invite: Message) -> None:
        """Take an unanswered call back; its answer is to be waited for by `refused`."""
        self._request(
            "CANCEL",
            invite.start.split(" ")[1],
            invite.header("From"),
            invite.header("To"),
            invite.header("Call-ID"),
            1,
            [],
            via=invite.header("Via"),
        )

    def reply(
        self, request: Message, status: str, headers: list[str] | None = None, body: str = ""
    ) -> None:
        """Answer a request."""
        to = request.header("To")
        to = to if "tag=" in to else to + self._tag
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {value}" for value in request.all("Via")]
        lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
        lines += [
            f"From: {request.header('From')}",
            f"To: {to}",
        ]
        lines += [f"{name}: {request.header(name)}" for name in ("Call-ID", "CSeq")]
        self._send([*lines, f"Contact: <{self.contact}>", *(headers or [])], body)

    def next(self, start: str, cseq: str = "") -> Message:
        """The next message that begins so; others are passed over."""
        while True:
            head, separator, rest = self._received.partition(b"\r\n\r\n")
            size = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
            length = int(size.group(1)) if size else 0
            if separator and len(rest) >= length:
                self._received = rest[length:]
                message = Message(head.decode().lstrip("\r\n") + "\r\n")
                if message.start.startswith(start) and (not cseq or message.header("CSeq") == cseq):
                    return message
                continue
            part = self.socket.recv(65536)
            assert part, f"the connection ended before {start!r}"
            self._received += part

    @property
    def _tag(self) -> str:
        return f";tag=b{self.port}"

    def _in_dialog(self, method: str, dialog: Dialog) -> None:
        route = [f"Route: {value}" for value in dialog.route]
        self._request(
            method,
            dialog.target,
            dialog.local,
            dialog.remote,
            dialog.call_id,
            dialog.cseq,
            route,
        )

    def _request(
        self,
        method: str,
        target: str,
        caller: str,
        callee: str,
        call_id: str,
        cseq: int,
        headers: list[str],
        body: str = "",
        via: str = "",
    ) -> str:
        self._requests += 1
        branch = f"z9hG4bKc{self._requests}.{self.port}"
        here = f"SIP/2.0/{self.transport.upper()} 127.0.0.1:{self.port};rport;branch={branch}"
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: {via or here}",
            "Max-Forwards: 70",
            f"From: {caller}",
            f"To: {callee}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            *headers,
        ]
        return self._send(lines, body)

    def _send(self, lines: list[str], body: str) -> str:
        text = "\r\n".join((*lines, f"Content-Length: {len(body)}", "", body))
        self.socket.sendall(text.encode())
        return text


def talk(caller: SipPhone, callee: SipPhone) -> Dialog:
    """A call from the one to the other, as soon as it is answered; as the caller sees it."""
    sent = caller.call(callee.user)
    callee.answer(callee.rung())
    return caller.answered(sent)


def _uri(value: str) -> str:
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.partition(";")[0]
