"""An event stream as the checks of a gateway read it, and the WebSocket beside it."""

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from clients.conformance.report import Failed

SECONDS = 10.0
_open = build_opener(ProxyHandler({})).open


def get(url: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer that is no stream; of a stream nothing is read."""
    try:
        with _open(Request(url, headers=headers), timeout=SECONDS) as response:
            is_json = response.headers.get_content_type() == "application/json"
            return response.status, json.loads(response.read()) if is_json else {}
    except HTTPError as error:
        with error, suppress(ValueError):
            return error.code, json.loads(error.read())
        return error.code, {}


class Stream:
    """Events as (name, content, id), from now on; `last_id` is what a browser would resume with."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.last_id = ""
        self.ids: list[str] = []
        self._events: queue.Queue[tuple[float, str, dict[str, Any]] | Exception] = queue.Queue()
        accept = {"accept": "text/event-stream", **headers}
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=60)
        connection.connect()
        self._socket: socket.socket = connection.sock
        connection.request("GET", f"{parts.path}?{parts.query}", headers=accept)
        self._response = connection.getresponse()
        if self._response.status != 200:
            raise Failed(f"{url}: {self._response.status} {self._response.read()[:500]!r}")
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        fields: dict[str, str] = {}
        try:
            while line := self._response.readline().decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                    continue
                if "id" in fields:
                    self.last_id = fields["id"]
                    self.ids.append(self.last_id)
                if "data" in fields:
                    found = time.monotonic(), fields["event"], json.loads(fields["data"])
                    self._events.put(found)
                fields = {}
            self._events.put(Failed("the stream ended"))
        except (OSError, HTTPException, ValueError, AttributeError) as error:
            self._events.put(error)

    def events(self, seconds: float = SECONDS) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """(monotonic time, name, content) of each event. Raises Failed after `seconds` of none."""
        while True:
            try:
                found = self._events.get(timeout=seconds)
            except queue.Empty:
                raise Failed(f"no event within {seconds:.0f} s") from None
            if isinstance(found, Exception):
                raise Failed(str(found)) from found
            yield found

    def until(
        self, wanted: Callable[[str, dict[str, Any]], bool]
    ) -> list[tuple[str, dict[str, Any]]]:
        """The events up to the first that is wanted, with it. Raises Failed."""
        taken = []
        for _, name, content in self.events():
            taken.append((name, content))
            if wanted(name, content):
                return taken
        raise AssertionError

    def until_live(self) -> tuple[dict[str, int], list[str], dict[str, Any]]:
        """(versions by AOR, removed AORs, the content of `live`)."""
        *before, (_, live) = self.until(lambda name, _: name == "live")
        versions = {c["aor"]: c["version"] for name, c in before if name == "presence"}
        return versions, [c["aor"] for name, c in before if name == "removed"], live

    def close(self) -> None:
        # The thread still reads: the response itself would wait for it.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
