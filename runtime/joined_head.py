"""A response's head and the beginning of its body in one packet, between uvicorn and the socket.

uvicorn writes them one after the other, and asyncio sends what is written at once: two system calls
for each answer, and a client that wakes up twice.
"""

import asyncio
from typing import Any

# An interim response, whose client waits for it before it sends the body (RFC 9110 §15.2.1).
_CONTINUE = b"HTTP/1.1 100"


class JoinedHead:
    """The transport of one response (uvicorn's RequestResponseCycle writes to it)."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._has_head = False

    def write(self, data: bytes) -> None:
        """Send what was written; the head is kept until more is."""
        if not self._has_head and not data.startswith(_CONTINUE):
            self._has_head = True
            self._head = data
            return
        self._transport.write(self._head + data if self._head else data)
        self._head = b""

    def flush(self) -> None:
        """Send a head that no body follows."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
