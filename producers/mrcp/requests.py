"""The requests of an MRCP server that are speech sessions, each from its start to its end. Pure.

A session is one RECOGNIZE or SPEAK; a DEFINE-GRAMMAR only where it fails, because no RECOGNIZE
follows then. None stays open for ever: the completion, a STOP, the channel's removal, the end of
the server or a timer ends it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from producers.speech_rules import (
    LONGEST,
    NO_RESULT_AFTER,
    RECOGNISER,
    SESSIONS_MAX,
    SYNTHESISER,
)
from schemas.speech import TEXT_MAX
from schemas.vocabulary import SpeechKind, SpeechResource

# RFC 6787 §3.1, by what follows `@` in a channel's identifier.
RESOURCES = {
    "speechrecog": RECOGNISER,
    "dtmfrecog": RECOGNISER,
    "speechsynth": SYNTHESISER,
    "basicsynth": SYNTHESISER,
}
_CHANNELS_MAX = 100_000


@dataclass(slots=True)
class SpeechRequest:
    """One session. `leg`: what the server was given as x-call-uuid, else the channel."""

    channel: str
    number: int
    resource: SpeechResource
    started_at: datetime
    leg: str
    input_started_at: datetime | None = None
    result_at: datetime | None = None
    ended_at: datetime | None = None
    cause: str | None = None
    latency: float | None = None
    text: str | None = None
    reported_silent: bool = False

    def fields(self, *, with_text: bool) -> dict[str, Any]:
        """Its part of a SpeechEvent; the spoken text only where it is wanted."""
        return {
            "resource": self.resource,
            "leg": self.leg,
            "channel": self.channel,
            "started_at": self.started_at,
            "input_started_at": self.input_started_at,
            "result_at": self.result_at,
            "results": int(self.result_at is not None),
            "ended_at": self.ended_at,
            "cause": self.cause,
            "latency": self.latency,
            "text": self.text if with_text else None,
        }


Change = tuple[SpeechRequest, SpeechKind, datetime]
_Key = tuple[str, int]


@dataclass(slots=True)
class SpeechRequests:
    """Open requests by channel and number. Each method returns what changed, in order."""

    live: dict[_Key, SpeechRequest] = field(default_factory=dict)
    # The leg of each SIP session, by what stands before `@` in its channels' identifiers.
    _legs: dict[str, str] = field(default_factory=dict)

    def name_leg(self, channel: str, leg: str) -> None:
        """A message of the channel has this x-call-uuid: all channels of its session have it."""
        self._legs[_session_of(channel)] = leg
        if len(self._legs) > _CHANNELS_MAX:  # of channels whose removal was never logged
            del self._legs[next(iter(self._legs))]

    def begin(self, channel: str, number: int, at: datetime) -> Iterator[Change]:
        """A recognition or synthesis was asked for."""
        resource = resource_of(channel)
        if resource is None or (channel, number) in self.live:
            return
        if len(self.live) >= SESSIONS_MAX:
            yield from self.end(next(iter(self.live)), at, "end-lost")
        leg = self._legs.get(_session_of(channel), channel)
        request = SpeechRequest(channel, number, resource, at, leg)
        self.live[channel, number] = request
        yield request, SpeechKind.STARTED, at

    def input_started(self, key: _Key, at: datetime) -> Iterator[Change]:
        """The recogniser heard the caller."""
        if request := self.live.get(key):
            request.input_started_at = at
            yield request, SpeechKind.INPUT_STARTED, at

    def complete(self, key: _Key, at: datetime, cause: str, text: str | None) -> Iterator[Change]:
        """The request was carried out, or refused; a recogniser's has a result then."""
        if (request := self.live.get(key)) and request.resource is RECOGNISER:
            began = request.input_started_at
            request.latency = max(0.0, (at - began).total_seconds()) if began else None
            request.result_at, request.cause = at, cause
            request.text = text[:TEXT_MAX] if text else None
            yield request, SpeechKind.RESULT, at
        yield from self.end(key, at, cause)

    def end(self, key: _Key, at: datetime, why: str) -> Iterator[Change]:
        """A session is over; `why` is its cause where no completion has one."""
        if request := self.live.pop(key, None):
            request.ended_at = max(at, request.started_at)
            request.cause = request.cause or why
            yield request, SpeechKind.ENDED, request.ended_at

    def end_channel(self, channel: str, at: datetime, why: str) -> Iterator[Change]:
        """All that goes on in a channel is over."""
        for key in [key for key in self.live if key[0] == channel]:
            yield from self.end(key, at, why)

    def removed(self, channel: str, at: datetime) -> Iterator[Change]:
        """The channel is no more."""
        yield from self.end_channel(channel, at, "closed")
        self._legs.pop(_session_of(channel), None)

    def lost(self, at: datetime) -> Iterator[Change]:
        """The server's process is gone, and all its sessions with it."""
        for key in list(self.live):
            yield from self.end(key, at, "server-lost")
        self._legs.clear()

    def advance(self, now: datetime) -> Iterator[Change]:
        """Apply what time alone shows: recognisers without a result, lost ends."""
        for key, request in list(self.live.items()):
            age = now - request.started_at
            if age > LONGEST:
                yield from self.end(key, now, "end-lost")
            elif (
                request.resource is RECOGNISER
                and not request.reported_silent
                and age >= NO_RESULT_AFTER
            ):
                request.reported_silent = True
                yield request, SpeechKind.NO_RESULT, request.started_at + NO_RESULT_AFTER


def resource_of(channel: str) -> SpeechResource | None:
    """What the channel is to; None for recorders and verifiers."""
    return RESOURCES.get(channel.rpartition("@")[2])


def _session_of(channel: str) -> str:
    return channel.partition("@")[0]
