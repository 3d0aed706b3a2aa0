"""The management interface: one command, one answer, over HTTP or FIFO, in both dialects."""

import contextlib
import json
import os
import select
import stat
import time
from pathlib import Path
from typing import Any, Protocol

import httpx

from producers.http_answers import read_body
from producers.opensips.errors import MiUnreachable, refusal
from producers.opensips.listing import decode_json
from producers.opensips.settings import OpenSipsSettings

_MAX_REPLY = 512 * 2**20


class Mi(Protocol):
    """`call` returns the decoded result, or 2.4's text. Raises MiError."""

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any: ...


def open_mi(settings: OpenSipsSettings) -> Mi | None:
    """The one the settings name; None where they name none."""
    if settings.mi_url:
        return HttpMi(settings.mi_url, settings.mi_dialect, settings.mi_timeout_seconds)
    if settings.mi_fifo:
        return FifoMi(
            Path(settings.mi_fifo),
            settings.mi_dialect,
            settings.mi_timeout_seconds,
            Path(settings.mi_reply_folder),
        )
    return None


class HttpMi:
    """mi_http (3.x, JSON-RPC) or mi_json (2.4, one path a command)."""

    def __init__(self, url: str, dialect: str, timeout: float) -> None:
        self._url = url.rstrip("/")
        self._dialect = dialect
        self._timeout = timeout
        # Kamailio closes after each answer (set_reply_close) without saying so: the next command
        # over that connection would be lost.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=timeout, trust_env=False, limits=limits)

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        """Raises MiUnreachable, MiRefused, ListingUnreadable."""
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream(**self._question(command, parameters)) as answer:
                body = read_body(answer, _MAX_REPLY, deadline)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MiUnreachable(f"{self._url}: {type(error).__name__} {error}") from error
        if not answer.is_success:
            said = body[:100].decode("utf-8", "replace")
            raise refusal(f"{command}: HTTP {answer.status_code} {said}")
        decoded = decode_json(body)
        return decoded if self._dialect == "2.4" else _result(command, decoded)

    def _question(self, command: str, parameters: dict[str, str] | None) -> dict[str, Any]:
        if self._dialect == "2.4":
            query = {"params": ",".join(parameters.values())} if parameters else None
            return {"method": "GET", "url": f"{self._url}/{command}", "params": query}
        return {"method": "POST", "url": self._url, "json": _request(command, parameters)}


class FifoMi:
    """mi_fifo: commands into the server's FIFO, the answer out of one of our own beside it."""

    def __init__(
        self, path: Path, dialect: str, timeout: float, replies: Path = Path("/tmp")
    ) -> None:
        self._path = path
        self._replies = replies
        self._dialect = dialect
        self._timeout = timeout

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        """Raises MiUnreachable, MiRefused, ListingUnreadable."""
        # mi_fifo.c opens reply FIFOs in its reply_dir by their bare name.
        name = f"rollcall_{os.getpid()}_{time.time_ns()}"
        reply_path = self._replies / name
        try:
            os.mkfifo(reply_path)
            reply_path.chmod(0o622)  # the server may be another user
            answer = os.open(reply_path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise MiUnreachable(f"{reply_path}: {error}") from error
        try:
            self._write(self._command(name, command, parameters))
            data = self._read(answer)
        finally:
            os.close(answer)
            with contextlib.suppress(OSError):
                reply_path.unlink()
        if self._dialect == "3.x":
            return _result(command, decode_json(data))
        text = data.decode("utf-8", "surrogateescape")
        if not text.startswith("200 "):
            raise refusal(f"{command}: {text[:100]}")
        return text

    def _command(self, name: str, command: str, parameters: dict[str, str] | None) -> bytes:
        if self._dialect == "3.x":
            return f":{name}:{json.dumps(_request(command, parameters))}\n".encode()
        lines = "".join(f"{value}\n" for value in (parameters or {}).values())
        return f":{command}:{name}\n{lines}\n".encode()

    def _write(self, data: bytes) -> None:
        try:
            fifo = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            try:
                if not stat.S_ISFIFO(os.fstat(fifo).st_mode):
                    raise MiUnreachable(f"{self._path} is no FIFO")
                if os.write(fifo, data) != len(data):
                    raise MiUnreachable(f"{self._path}: the server does not read it")
            finally:
                os.close(fifo)
        except OSError as error:
            raise MiUnreachable(f"{self._path}: {error}") from error

    def _read(self, answer: int) -> bytes:
        """Until the server closes its end."""
        deadline = time.monotonic() + self._timeout
        parts: list[bytes] = []
        size = 0
        ready = select.poll()  # select() knows no descriptor above 1,023
        ready.register(answer, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise MiUnreachable(f"{self._path}: no answer in time")
            if not ready.poll(left * 1000):
                continue
            try:
                part = os.read(answer, 2**20)
            except BlockingIOError:
                continue
            if not part and parts:
                return b"".join(parts)
            if not part:
                time.sleep(0.005)  # nobody has opened the other end yet
                continue
            parts.append(part)
            size += len(part)
            if size > _MAX_REPLY:
                raise MiUnreachable(f"{self._path}: an answer without end")


def _request(command: str, parameters: dict[str, str] | None) -> dict[str, Any]:
    request: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": command}
    if parameters:
        request["params"] = parameters
    return request


def _result(command: str, reply: Any) -> Any:
    if not isinstance(reply, dict) or "result" not in reply:
        error = reply.get("error") if isinstance(reply, dict) else None
        message = error.get("message") if isinstance(error, dict) else None
        raise refusal(f"{command}: {message or 'no result in the answer'}"[:200])
    return reply["result"]
