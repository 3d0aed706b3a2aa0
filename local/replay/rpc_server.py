"""Serves JSON-RPC over HTTP like Kamailio's jsonrpcs over xhttp: one command per connection."""

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_COMMAND_MAX = 64 * 1024
# Method and parameters → `{"result": …}` or `{"error": …}`.
Answer = Callable[[str, Any], dict[str, Any]]


class RpcServer:
    """Listens on 127.0.0.1; answers each command in its own thread."""

    def __init__(self, answer: Answer) -> None:
        self._handler = _handler(answer)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The URL to ask, only after `start`."""
        assert self._server is not None, "start first"
        return f"http://127.0.0.1:{self._server.server_address[1]}/RPC"

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="replay-rpc", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            try:
                command = json.loads(self.rfile.read(min(size, _COMMAND_MAX)))
                method, params, number = command["method"], command.get("params"), command.get("id")
            except (ValueError, KeyError, TypeError, AttributeError):
                self.send_error(400)
                return
            reply = {"jsonrpc": "2.0", **answer(method, params), "id": number}
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(OSError):  # the client has closed
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base names it so
            """Do not log: the producer's log has it."""

    return Handler
