"""One device on loopback: sends a REGISTER as it stands, and reads the answer.

No SIP library: what is sent may be odd, and has to go out exactly as generated.
"""

import contextlib
import itertools
import re
import socket
import struct
import time

from tests.registrars.digest import Digest
from tests.registrars.script import Network, Register

ANSWER_SECONDS = 4.0
_branches = itertools.count(1)
_LENGTH = re.compile(rb"^(?:content-length|l)\s*:\s*([0-9]+)\s*$", re.IGNORECASE | re.MULTILINE)


class Device:
    """A socket of its own, opened when it is needed. `connection` counts its connections."""

    def __init__(self, network: Network, *, authenticates: bool = False) -> None:
        self.network = network
        self._authenticates = authenticates
        self._digest = Digest()
        self.connection = 0
        self.port = 0
        self._socket: socket.socket | None = None
        self._server_port = 0
        self._read = b""

    def register(self, request: Register, server_port: int) -> str | None:
        """The final answer, whole; None where none came."""
        try:
            answer = self._send(request, server_port, 0)
            if answer is not None and self._digest.challenged(answer):
                answer = self._send(request, server_port, 1)
            return answer
        except OSError:
            self.close()
            return None

    def message(self, request: Register, branch: str = "z9hG4bK", attempt: int = 0) -> bytes:
        """The request as it goes out. Where it may be challenged its CSeq leaves room for that."""
        via = f"SIP/2.0/{self.network.upper()} 127.0.0.1:{self.port};rport;branch={branch}"
        lines = (
            f"REGISTER {request.request_uri} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            *(_counted(one, attempt) if self._authenticates else one for one in request.headers),
            *self._digest.header(request.request_uri),
            "Content-Length: 0",
            "\r\n",
        )
        return "\r\n".join(lines).encode()

    def close(self) -> None:
        """FIN."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._read = None, b""

    def reset(self) -> None:
        """RST."""
        if self._socket is not None and self.network == "tcp":
            linger = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def notice(self) -> None:
        """Close a connection that the server has closed."""
        if self._socket is None or self.network != "tcp":
            return
        try:
            self._socket.settimeout(0)
            if not self._socket.recv(1, socket.MSG_PEEK):
                self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _send(self, request: Register, server_port: int, attempt: int) -> str | None:
        branch = f"z9hG4bK-{next(_branches)}"
        self._open(server_port)
        assert self._socket is not None
        self._socket.sendall(self.message(request, branch, attempt))
        return self._answer(branch)

    def _open(self, server_port: int) -> None:
        if self._socket is not None and self._server_port == server_port:
            return
        self.close()
        kind = socket.SOCK_DGRAM if self.network == "udp" else socket.SOCK_STREAM
        opened = socket.socket(type=kind)
        self._socket, self._server_port = opened, server_port
        opened.connect(("127.0.0.1", server_port))
        self.port = opened.getsockname()[1]
        self.connection += 1

    def _answer(self, branch: str) -> str | None:
        deadline = time.monotonic() + ANSWER_SECONDS
        assert self._socket is not None
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                data = self._socket.recv(65536)
                if not data and self.network == "tcp":
                    self.close()
                    return None
                self._read = self._read + data if self.network == "tcp" else data
            while (message := self._message()) is not None:
                if branch in message and not message.startswith("SIP/2.0 1"):
                    return message
        return None

    def _message(self) -> str | None:
        """The next whole message of what was read."""
        head, end, rest = self._read.partition(b"\r\n\r\n")
        length = int(found[1]) if (found := _LENGTH.search(head)) else 0
        if not end or len(rest) < length:
            return None
        self._read = rest[length:]
        return head.decode("utf-8", "replace")


def _counted(header: str, attempt: int) -> str:
    name, _, value = header.partition(": ")
    if name != "CSeq":
        return header
    number, _, method = value.partition(" ")
    return f"CSeq: {2 * int(number) + attempt} {method}"
