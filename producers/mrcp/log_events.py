"""One entry of the MRCP server's log → changes of its speech sessions. Pure.

Messages are those of RFC 6787; channels, connections and the server's start are lines of UniMRCP's
own (`mrcp_server_connection.c`).
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from producers.mrcp.control_streams import ControlStreams
from producers.mrcp.log_entries import LogEntry
from producers.mrcp.message import Message
from producers.mrcp.requests import Change, SpeechRequests, resource_of
from producers.speech_causes import completion_header
from producers.speech_rules import RECOGNISER

_BEGINNING = ("RECOGNIZE", "SPEAK")
_COMPLETED = ("RECOGNITION-COMPLETE", "SPEAK-COMPLETE")
# Requests whose response names the requests that they ended (RFC 6787 §8.8, §8.10, §9.10).
_ENDING = {"STOP": "stopped", "BARGE-IN-OCCURRED": "barge-in"}
_DEFINE_GRAMMAR = "DEFINE-GRAMMAR"
_FAILED = 300
_CHANNEL = re.compile(r"Remove (?:Pending )?Control Channel <([^>]+)>")
_ACCEPTED = re.compile(r"Accepted TCP/MRCPv2 Connection (.+)")
_DISCONNECTED = re.compile(r"(?:TCP/MRCPv2 Peer Disconnected|TCP/MRCPv2 Connection Timed Out) (.+)")
# Logged once, when a process opens its MRCPv2 port.
_SERVER_STARTED = re.compile(r"Create MRCPv2 Agent \[")
_CALL_UUID = re.compile(r"(?:^|;)\s*x-call-uuid\s*=\s*\"?([^\";\s]{1,255})\"?", re.IGNORECASE)
_UUIDS_IN = "vendor-specific-parameters"


# No channel is open for longer: its removal was not logged.
_CHANNEL_LONGEST = timedelta(hours=5)
P = TypeVar("P")


class LogEvents(Generic[P]):
    """What the log has shown so far. `started`: when the server's process did, where logged.

    P: a place in the log, as the reader has it.
    """

    def __init__(self) -> None:
        self.requests = SpeechRequests()
        self.started: datetime | None = None
        # The open channels: where and when the first message of each was logged, the oldest first.
        self._begun: dict[str, tuple[P, datetime]] = {}
        self._streams = ControlStreams()
        self._channels: dict[str, set[str]] = {}  # of each connection
        # Requests that wait for their response, by channel and number: the method, and when.
        self._asked: dict[tuple[str, int], tuple[str, datetime]] = {}
        self._last: datetime | None = None

    @property
    def oldest(self) -> P | None:
        """Where the oldest open channel begins: to be read again by who knows nothing."""
        return next((place for place, _ in self._begun.values()), None)

    def read(self, entry: LogEntry, at: datetime, place: P) -> Iterator[Change]:
        """What an entry at that moment and place changes. Raises NotMrcp."""
        last, self._last = self._last, at
        if entry.direction is not None:
            for message in self._streams.feed(entry):
                if resource_of(message.channel) is not None:
                    self._begun.setdefault(message.channel, (place, at))
                    self._channels.setdefault(entry.connection, set()).add(message.channel)
                    yield from self._message(message, at)
        elif _SERVER_STARTED.match(entry.text):
            yield from self.server_lost(last or at)
            self.started = at
        elif found := _CHANNEL.match(entry.text):
            yield from self._removed(found[1], at)
        elif found := _ACCEPTED.fullmatch(entry.text):
            self._streams.opened(found[1])
        elif found := _DISCONNECTED.fullmatch(entry.text):
            self._streams.closed(found[1])
            for channel in self._channels.pop(found[1], ()):
                yield from self.requests.end_channel(channel, at, "closed")

    def advance(self, now: datetime) -> Iterator[Change]:
        """Apply what time alone shows."""
        yield from self.requests.advance(now)
        for channel, (_, at) in list(self._begun.items()):
            if now - at < _CHANNEL_LONGEST:
                return
            yield from self._removed(channel, now)

    def server_lost(self, at: datetime) -> Iterator[Change]:
        """The server's process is gone."""
        yield from self.requests.lost(at)
        self._streams = ControlStreams()
        self._begun.clear()
        self._channels.clear()
        self._asked.clear()

    def _removed(self, channel: str, at: datetime) -> Iterator[Change]:
        yield from self.requests.removed(channel, at)
        self._begun.pop(channel, None)
        for key in [key for key in self._asked if key[0] == channel]:
            del self._asked[key]
        for channels in self._channels.values():
            channels.discard(channel)

    def _message(self, message: Message, at: datetime) -> Iterator[Change]:
        key = message.channel, message.request
        if found := _CALL_UUID.search(message.headers.get(_UUIDS_IN, "")):
            self.requests.name_leg(message.channel, found[1])
        if message.status:
            yield from self._response(message, at)
        elif not message.state:
            self._asked[key] = message.method, at
            if message.method in _BEGINNING:
                yield from self.requests.begin(*key, at)
        elif message.method == "START-OF-INPUT":
            yield from self.requests.input_started(key, at)
        elif message.method in _COMPLETED:
            yield from self._completed(message, at)

    def _response(self, message: Message, at: datetime) -> Iterator[Change]:
        key = message.channel, message.request
        method, asked = self._asked.pop(key, ("", at))
        failed = message.status >= _FAILED
        if method == _DEFINE_GRAMMAR and failed:
            yield from self.requests.begin(*key, asked)
        if failed or (method in _BEGINNING and message.state == "COMPLETE"):
            yield from self._completed(message, at)
        elif method in _ENDING:
            for number in self._ended_by(message):
                yield from self.requests.end((message.channel, number), at, _ENDING[method])

    def _ended_by(self, message: Message) -> list[int]:
        """The requests that a STOP has ended: those listed, else all of the channel."""
        listed = message.headers.get("active-request-id-list")
        if listed is None:
            return [number for channel, number in self.requests.live if channel == message.channel]
        return [int(number) for number in listed.split(",") if number.strip().isdigit()]

    def _completed(self, message: Message, at: datetime) -> Iterator[Change]:
        cause = completion_header(message.cause) or (
            f"status-{message.status}" if message.status else "not-reported"
        )
        text = None
        if resource_of(message.channel) is RECOGNISER and message.body:
            text = message.body.rstrip(b"\0").decode("utf-8", "replace")
        yield from self.requests.complete((message.channel, message.request), at, cause, text)
