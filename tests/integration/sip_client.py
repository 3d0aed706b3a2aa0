"""A scripted SIP client: registers over TCP or UDP, and ends in every way a client can.

`python -m tests.integration.sip_client PORT USER` registers, prints its own port and waits to be
killed.
"""

import hashlib
import itertools
import random
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DOMAIN = "example.test"
PASSWORD = "secret"
_numbers = itertools.count(1)


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def quiet_port() -> int:
    """A port that nobody else is given meanwhile: below those the kernel gives to clients."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class SipClient:
    """One connection to a server on loopback, and one device behind it."""

    def __init__(
        self,
        server_port: int,
        user: str,
        *,
        port: int = 0,
        udp: bool = False,
        domain: str = DOMAIN,
    ) -> None:
        self.user, self.domain = user, domain
        self.call_id = f"{user}-{time.time_ns()}@phone"
        self.transport = "udp" if udp else "tcp"
        self.socket = socket.socket(type=socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        self.socket.settimeout(10)
        try:
            if port:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.socket.bind(("127.0.0.1", port))
            self.socket.connect(("127.0.0.1", server_port))
        except OSError:
            self.socket.close()
            raise
        self.port: int = self.socket.getsockname()[1]
        self.contact = f"sip:{user}@127.0.0.1:{self.port};transport={self.transport}"
        self.display = ""
        self._cseq = itertools.count(1)

    def register(self, expires: int = 600) -> str:
        """The answer to a REGISTER that was accepted, after a challenge where there was one."""
        answer = self._ask(expires)
        if answer.startswith("SIP/2.0 401"):
            answer = self._ask(expires, f"Authorization: {self._credentials(answer)}")
        assert answer.startswith("SIP/2.0 200"), answer
        return answer

    def _ask(self, expires: int, *headers: str) -> str:
        number = next(_numbers)
        self.socket.sendall(
            "\r\n".join(
                (
                    f"REGISTER sip:{self.domain} SIP/2.0",
                    f"Via: SIP/2.0/{self.transport.upper()} 127.0.0.1:{self.port}"
                    f";rport;branch=z9hG4bK{number}.{self.port}",
                    "Max-Forwards: 70",
                    f"From: <sip:{self.user}@{self.domain}>;tag={number}",
                    f"To: <sip:{self.user}@{self.domain}>",
                    f"Call-ID: {self.call_id}",
                    f"CSeq: {next(self._cseq)} REGISTER",
                    f"Contact: {self.contacts()}",
                    f"Expires: {expires}",
                    *headers,
                    "User-Agent: scripted",
                    "Content-Length: 0",
                    "\r\n",
                )
            ).encode()
        )
        return self._answer()

    def succeed(self, other: "SipClient") -> None:
        """Go on with the other's registration: the same Call-ID, counted on (RFC 3261 §10.2)."""
        self.call_id, self._cseq = other.call_id, other._cseq

    def contacts(self) -> str:
        """The value of the Contact header."""
        return f"{self.display}<{self.contact}>" if self.contact != "*" else "*"

    def _credentials(self, challenge: str) -> str:
        """For a challenge with MD5 and qop=auth (RFC 2617 §3.2.2), with the tests' one password."""
        given = dict(re.findall(r'(realm|nonce)="([^"]*)"', challenge))
        realm, nonce, uri = given["realm"], given["nonce"], f"sip:{self.domain}"
        secret = _md5(self.user, realm, PASSWORD)
        count, own = "00000001", "0a4f113b"
        response = _md5(secret, nonce, count, own, "auth", _md5("REGISTER", uri))
        return (
            f'Digest username="{self.user}",realm="{realm}",nonce="{nonce}",uri="{uri}",'
            f'response="{response}",algorithm=MD5,qop=auth,nc={count},cnonce="{own}"'
        )

    def unregister(self) -> None:
        self.register(0)

    def close(self) -> None:
        """FIN."""
        self.socket.close()

    def reset(self) -> None:
        """RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self) -> None:
        """FIN, but it would still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def _answer(self) -> str:
        """The next final answer, to its end."""
        data = b""
        while True:
            part = self.socket.recv(65536)
            assert part, "the server closed the connection"
            data += part
            while (end := data.find(b"\r\n\r\n")) >= 0:
                text, data = data[:end].decode(), data[end + 4 :]
                if not re.match(r"SIP/2\.0 1\d\d", text):
                    return text


def registered(server_port: int, user: str, **options: Any) -> SipClient:
    """A client that the server has accepted."""
    client = SipClient(server_port, user, **options)
    client.register()
    return client


class KilledClient:
    """A client in a process of its own."""

    def __init__(self, server_port: int, user: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.sip_client", str(server_port), user],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


if __name__ == "__main__":
    client = SipClient(int(sys.argv[1]), sys.argv[2])
    client.register()
    print(client.port, flush=True)  # noqa: T201 - what the test reads
    time.sleep(600)
