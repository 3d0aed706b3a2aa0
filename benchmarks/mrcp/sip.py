"""The SIP side of a session over UDP: INVITE, ACK and BYE (RFC 3261 §13, §15, §17.1)."""

import asyncio
import secrets
from dataclasses import dataclass, field

# RFC 3261 §17.1.1.1: a request is sent again after T1, then twice as long each time.
_T1, _TRIES = 0.5, 7


class Refused(Exception):
    """The server does not open the session: it answers with an error, or not at all."""


@dataclass
class _Dialog:
    """One call: what its requests repeat, and the responses that were received."""

    call_id: str
    tag: str
    target: str
    to: str
    responses: "asyncio.Queue[tuple[int, str, dict[str, str], str]]" = field(
        default_factory=asyncio.Queue
    )
    ack: bytes = b""


class SipClient(asyncio.DatagramProtocol):
    """All calls of one load, over one socket. `connect` before anything else."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._dialogs: dict[str, _Dialog] = {}
        self.host, self.port = "", 0

    async def connect(self) -> None:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, remote_addr=self._server
        )
        self.host, self.port = self._transport.get_extra_info("sockname")[:2]

    def close(self) -> None:
        self._transport.close()

    async def invite(self, offer: bytes) -> tuple[str, str]:
        """Open a session; returns the identity of its dialog, and the answer. Raises Refused."""
        call_id = secrets.token_hex(12)
        uri = f"sip:mresources@{self._server[0]}:{self._server[1]}"
        dialog = _Dialog(call_id, secrets.token_hex(4), uri, f"<{uri}>")
        self._dialogs[call_id] = dialog
        try:
            status, to, headers, body = await self._ask(dialog, "INVITE", 1, offer)
        except Refused:
            del self._dialogs[call_id]
            raise
        dialog.to = to
        if status < 300:
            dialog.target = headers.get("contact", uri).partition("<")[2].partition(">")[0] or uri
        dialog.ack = self._request(dialog, "ACK", 1)
        self._transport.sendto(dialog.ack)
        if status >= 300:
            del self._dialogs[call_id]
            raise Refused(f"INVITE: {status}")
        return call_id, body

    async def bye(self, call_id: str) -> None:
        """End a session; returns when the server has confirmed it. Raises Refused."""
        dialog = self._dialogs[call_id]
        try:
            await self._ask(dialog, "BYE", 2)
        finally:
            del self._dialogs[call_id]

    async def _ask(
        self, dialog: _Dialog, method: str, number: int, body: bytes = b""
    ) -> tuple[int, str, dict[str, str], str]:
        """The final response to a request: status, To, headers, body. Raises Refused."""
        data, wait = self._request(dialog, method, number, body), _T1
        for _ in range(_TRIES):
            self._transport.sendto(data)
            try:
                async with asyncio.timeout(wait):
                    while True:
                        found = await dialog.responses.get()
                        if found[2].get("cseq", "").endswith(method) and found[0] >= 200:
                            return found
                        wait = 60.0  # provisional: it is not sent again (§17.1.1.2)
            except TimeoutError:
                wait *= 2
        raise Refused(f"{method}: no answer")

    def _request(self, dialog: _Dialog, method: str, number: int, body: bytes = b"") -> bytes:
        here = f"{self.host}:{self.port}"
        lines = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: <sip:load@{here}>;tag={dialog.tag}",
            f"To: {dialog.to}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:load@{here}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + body

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        dialog = self._dialogs.get(headers.get("call-id", headers.get("i", "")))
        parts = first.split(" ")
        if dialog is None or len(parts) < 2 or not parts[1].isdigit():
            return
        status, to = int(parts[1]), headers.get("to", headers.get("t", dialog.to))
        if dialog.ack and headers.get("cseq", "").endswith("INVITE"):
            self._transport.sendto(dialog.ack)  # the response was sent again: the ACK was lost
            return
        headers.setdefault("contact", headers.get("m", ""))
        dialog.responses.put_nowait((status, to, headers, body))

    def error_received(self, exc: Exception) -> None:
        """ICMP: nobody listens there now. The request is sent again."""
        del exc
