"""A management interface for tests: a real HTTP server, or a FIFO, that gives scripted answers."""

import json
import os
import select
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class ScriptedMi:
    """`results` by command, changed while it runs; a missing one is refused, as OpenSIPS does."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.commands: list[str] = []
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/mi"

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The JSON-RPC answer to a request."""
        command = request["method"]
        self.commands.append(command)
        if command not in self.results:
            error = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "error": error, "id": request["id"]}
        return {"jsonrpc": "2.0", "result": self.results[command], "id": request["id"]}

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = json.dumps(outer.answer(json.loads(body))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


class ScriptedFifo:
    """mi_fifo: reads `:reply:JSON` (3.x) or `:command:reply` (2.4), writes into the reply FIFO."""

    def __init__(
        self, path: Path, mi: ScriptedMi, *, classic: dict[str, str] | None = None
    ) -> None:
        self.path = path
        self._mi = mi
        self._classic = classic
        self._stopping = threading.Event()
        os.mkfifo(path)
        self._fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        os.close(self._fifo)

    def _serve(self) -> None:
        ready = select.poll()
        ready.register(self._fifo, select.POLLIN)
        while not self._stopping.is_set():
            if not ready.poll(50):
                continue
            _, first, rest = os.read(self._fifo, 65536).decode().split(":", 2)
            if self._classic is None:
                reply, text = first, json.dumps(self._mi.answer(json.loads(rest)))
            else:
                reply, text = rest.partition("\n")[0], self._classic.get(first, "500 no\n\n")
            answer = os.open(Path("/tmp") / reply, os.O_WRONLY)
            os.write(answer, text.encode())
            os.close(answer)
