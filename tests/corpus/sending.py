"""Raw bytes to a SIP server over UDP or TCP, unchanged, and the status of the answer."""

import re
import socket
from contextlib import suppress
from typing import Literal

Network = Literal["udp", "tcp"]
# An answer over loopback takes milliseconds; what is not answered by then is not answered.
_ANSWER_SECONDS = 0.2
FILLED_IN_VIA = b"Via: SIP/2.0/UDP 192.0.2.1:5060;"
_TO = re.compile(
    rb"""(?im)^((?:to|t)[ \t]*:\s*(?:"(?:[^"\\]|\\.)*"|[^<"\r\n]*?)\s*<?\s*sips?:)""",
)
_STATUS = re.compile(rb"SIP/2\.0 ([2-6][0-9][0-9]) ")


class Sender:
    """A socket for each message, all open until `close`: their ends would end bindings."""

    def __init__(self, network: Network, port: int) -> None:
        self._network, self._port = network, port
        self._sockets: list[socket.socket] = []

    def send(self, data: bytes) -> int | None:
        """The final answer's status; None without an answer, or when the server disconnects.

        Over UDP an answer goes to the port that the topmost Via names unless it has `rport`
        (RFC 3261 §18.2.2, RFC 3581): without it none is waited for.
        """
        kind = socket.SOCK_DGRAM if self._network == "udp" else socket.SOCK_STREAM
        own = socket.socket(type=kind)
        own.settimeout(_ANSWER_SECONDS)
        own.connect(("127.0.0.1", self._port))
        self._sockets.append(own)
        answer = b""
        with suppress(OSError):
            own.sendall(self._via(data))
            if self._network == "udp" and not re.search(rb"(?m)^Via:.*;rport", data):
                return None
            while part := own.recv(65536):
                answer += part
                if found := _STATUS.search(answer):
                    return int(found[1])
        return None

    def _via(self, data: bytes) -> bytes:
        """What the corpus fills in names the network that it goes over; RFC 4475's stay."""
        network = self._network.upper().encode()
        return data.replace(FILLED_IN_VIA, FILLED_IN_VIA.replace(b"UDP", network))

    def close(self) -> None:
        for own in self._sockets:
            own.close()


def of_another_user(data: bytes, token: str) -> bytes:
    """The message with `token` before its To's user: no other message's user has it."""
    return _TO.sub(lambda found: found[1] + token.encode(), data, count=1)
