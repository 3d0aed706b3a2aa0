"""OpenSIPS' management interface as the settings name it: over HTTP, or over mi_fifo."""

import contextlib
import json
import os
import select
import stat
import time
from pathlib import Path
from typing import Any

from producers.opensips.settings import OpenSipsSettings
from producers.sip_proxy.errors import MiUnreachable, refusal
from producers.sip_proxy.mi import MAX_REPLY, HttpMi, Mi, decode_json, request, result


def open_mi(settings: OpenSipsSettings) -> Mi | None:
    """The client that the settings choose; None where they name no management interface."""
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


class FifoMi:
    """mi_fifo: commands go into the server's FIFO, the answer comes from one of our own."""

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
            reply_path.chmod(0o622)  # the server may run as another user
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
            return result(command, decode_json(data))
        text = data.decode("utf-8", "surrogateescape")
        if not text.startswith("200 "):
            raise refusal(f"{command}: {text[:100]}")
        return text

    def _command(self, name: str, command: str, parameters: dict[str, str] | None) -> bytes:
        if self._dialect == "3.x":
            return f":{name}:{json.dumps(request(command, parameters))}\n".encode()
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
        ready = select.poll()  # select() takes no descriptor above 1,023
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
                time.sleep(0.005)  # the server has not opened the other end yet
                continue
            parts.append(part)
            size += len(part)
            if size > MAX_REPLY:
                raise MiUnreachable(f"{self._path}: the answer is too long")
