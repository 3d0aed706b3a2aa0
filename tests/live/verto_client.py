"""A scripted Verto client: JSON-RPC over a WebSocket, as mod_verto speaks it."""

import itertools
import json
import socket
import uuid
from contextlib import ExitStack
from typing import Any

from websockets.sync.client import connect

from tests.integration.sip_client import DOMAIN, PASSWORD


class VertoClient:
    """One connection; `login` is what the user would type."""

    def __init__(self, port: int, user: str, *, session_id: str | None = None) -> None:
        self.session_id = session_id or str(uuid.uuid4())
        self._numbers = itertools.count(1)
        self._until_closed = ExitStack()
        connection = connect(f"ws://127.0.0.1:{port}", open_timeout=10)
        self._socket = self._until_closed.enter_context(connection)
        self.login = f"{user}@{DOMAIN}"

    @property
    def address(self) -> tuple[str, int]:
        """Of the client's end."""
        ip, port = self._socket.local_address[:2]
        return str(ip), int(port)

    def log_in(self, password: str = PASSWORD) -> dict[str, Any]:
        """The answer: `result`, or `error`."""
        return self._call(
            "login", {"login": self.login, "passwd": password, "sessid": self.session_id}
        )

    def close(self) -> None:
        self._until_closed.close()

    def kill(self) -> None:
        """The connection ends without a closing handshake (RFC 6455 §7)."""
        self._socket.socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        request = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": number}
        self._socket.send(json.dumps(request))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv(timeout=10))
            if answer.get("id") == number and "method" not in answer:
                return answer
