"""Parts for tests of the gateway: subscribers that record what they receive."""

import json
import threading
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.stages import StageProcess

TOKEN = "a-token-for-the-tests"


def gateway(folder: Path, kafka: KafkaSettings, **environment: str) -> StageProcess:
    """A gateway as a process of its own, on any free port."""
    # Tests do not wait for their subscriptions to end one by one.
    given = {"PORT": "0", "LIMITS__STOP_SPREAD": "0", **environment}
    own = {f"ROLLCALL_GATEWAY_{name}": value for name, value in given.items()}
    return StageProcess("sinks.gateway.stage", folder, kafka, **own)


class Subscription:
    """The events a subscriber received, as (event, content), until its connection ended."""

    def __init__(self, url: str, query: str, headers: dict[str, str] | None = None) -> None:
        self.url, self.query, self.headers = url, query, headers or {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        # Of presence records; and the last cursor received.
        self.ids: list[str] = []
        self.cursor = ""
        # What a browser would send to resume.
        self.last_id = ""
        self.ended: object = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            self.ended = self.listen()
        except Exception as error:
            self.ended = error

    def listen(self) -> object:
        """Record the events; returns how the connection ended."""
        raise NotImplementedError

    def receive(self, event: str, content: dict[str, Any]) -> None:
        """Record an event; cursors apart, which come at any time."""
        self.cursor = content.get("cursor", self.cursor)
        if event != "cursor":
            self.events.append((event, content))

    @property
    def resumed(self) -> bool:
        """As the event `live` has it."""
        return next(bool(content["resumed"]) for kind, content in self.events if kind == "live")

    @property
    def is_live(self) -> bool:
        return "live" in self.kinds

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    @property
    def versions(self) -> list[tuple[str, int]]:
        """(AOR, version) of the presence records, in order."""
        return [(c["aor"], c["version"]) for kind, c in self.events if kind == "presence"]

    @property
    def last(self) -> dict[str, int]:
        return dict(self.versions)

    def wait_live(self) -> "Subscription":
        eventually(lambda: self.is_live or self.ended, what="live")
        assert self.is_live, self.ended
        return self


class EventStream(Subscription):
    """Over SSE. `ended` is `closed`, or the error."""

    def listen(self) -> object:
        with httpx.stream(
            "GET",
            f"{self.url}/presence?{self.query}",
            headers={"accept": "text/event-stream", **self.headers},
            timeout=60,
            trust_env=False,
        ) as answer:
            if answer.status_code != 200:
                return answer.read()
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, text = line.partition(": ")
                if line and name:
                    fields[name] = text
                elif not line:
                    self._dispatch(fields)
                    fields = {}
        return "closed"

    def _dispatch(self, fields: dict[str, str]) -> None:
        if "id" in fields and fields["event"] == "presence":
            self.ids.append(fields["id"])
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            self.receive(fields["event"], json.loads(fields["data"]))


class WebSocket(Subscription):
    """Over a WebSocket. `ended` is the code of the close, or the error."""

    def listen(self) -> object:
        url = self.url.replace("http", "ws", 1)
        with connect(
            f"{url}/presence/ws?{self.query}", additional_headers=self.headers, proxy=None
        ) as socket:
            try:
                while True:
                    content = json.loads(socket.recv())
                    self.receive(content.get("event", "presence"), content)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else closed
