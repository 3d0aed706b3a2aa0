"""ClickHouse's HTTP interface in front of the chDB engine, to test and measure the sink by URL.

The engine is the real one; the HTTP interface has the parts that clickhouse-connect uses. There is
no package of a server on PyPI. `python -m benchmarks.clickhouse_server FOLDER` serves
until it is terminated; its first line is its URL.
"""

import contextlib
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import chdb

PASSWORD = "correct horse"


class Server(ThreadingHTTPServer):
    """Serves one folder. `refuse` makes it answer every statement with a 500."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.engine = chdb.connect(str(folder))
        self.lock = threading.Lock()
        self.refuse = threading.Event()
        self.refused = 0
        self.down = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)
        self._scheme = "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
            self._scheme = "https"

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a handshake that fails is the client's to report."""

    def execute(self, database: str, sql: str, parameters: dict[str, str]) -> bytes:
        with self.lock:
            self.engine.query(f"USE {database}")
            bare = {k.removeprefix("param_"): v for k, v in parameters.items()}
            return bytes(self.engine.query(sql, "TabSeparated", params=bare).bytes() or b"")

    def insert(self, database: str, head: str, block: bytes) -> bytes:
        statement, _, fmt = head.rpartition("FORMAT")
        with tempfile.NamedTemporaryFile() as file:
            file.write(block)
            file.flush()
            settings = "SETTINGS date_time_input_format = 'best_effort'"
            sql = f"{statement} FROM INFILE '{file.name}' {settings} FORMAT {fmt}"
            return self.execute(database, sql, {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        url = dict(parse_qsl(urlsplit(self.path).query))
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.server.down.is_set():
            self.close_connection = True
            return None
        if self.headers["Authorization"] != _BASIC and not self._has_certificate():
            return self._answer(403, b"Code: 516. DB::Exception: no. (AUTHENTICATION_FAILED)", 516)
        if self.server.refuse.is_set():
            self.server.refused += 1
            return self._answer(500, b"Code: 241. DB::Exception: (MEMORY_LIMIT_EXCEEDED)", 241)
        database = url.get("database", "default")
        try:
            head, _, block = body.partition(b"\n")
            if head.upper().startswith(b"INSERT") and b"FORMAT" in head:
                return self._answer(200, self.server.insert(database, head.decode(), block))
            sql = url.get("query") or body.decode()
            parameters = {k: v for k, v in url.items() if k.startswith("param_")}
            return self._answer(200, self.server.execute(database, sql, parameters))
        except RuntimeError as error:
            return self._answer(500, str(error).encode(), 1)

    def _has_certificate(self) -> bool:
        """Whether the client names itself by a certificate alone, as ClickHouse has it."""
        is_asked = self.headers["X-ClickHouse-SSL-Certificate-Auth"] == "on"
        return (
            is_asked
            and isinstance(self.connection, ssl.SSLSocket)
            and bool(self.connection.getpeercert())
        )

    do_GET = do_POST  # noqa: N815 - http.server asks for it

    def _answer(self, status: int, body: bytes, code: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        del format, args


_BASIC = "Basic ZGVmYXVsdDpjb3JyZWN0IGhvcnNl"


@contextlib.contextmanager
def serving(folder: Path, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on a free port (or the given one), closed with its engine afterwards."""
    server = Server(folder, port, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.down.set()
        server.shutdown()
        thread.join()
        server.server_close()
        server.engine.close()


if __name__ == "__main__":
    with serving(Path(sys.argv[1])) as started:
        sys.stdout.write(f"{started.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
