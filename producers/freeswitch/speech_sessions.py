"""The speech sessions of a switch's calls, each from its start to its end. Pure.

A session is one leg's use of one recogniser or synthesiser. None stays open for ever: what ends it
first counts, be it the application, the media bug, the hangup, the server or a timer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from producers.freeswitch.mrcp_channels import UNCLAIMED_AFTER, MrcpChannels, Profile
from producers.speech_rules import (
    LONGEST,
    NO_RESULT_AFTER,
    RECOGNISER,
    SESSIONS_MAX,
    SYNTHESISER,
)
from schemas.vocabulary import SpeechKind, SpeechResource


@dataclass(slots=True)
class SpeechSession:
    """One session; `seq` and `boot` are those of the event that started it."""

    id: str
    resource: SpeechResource
    leg: str
    call: str | None
    aor: str | None
    node: str
    boot: str
    seq: int
    started_at: datetime
    engine: str | None = None
    server: str | None = None
    # Whether the recogniser was given the leg's audio.
    is_open: bool = False
    # Whether the application waits for the result, and reports how it ended after the recogniser's
    # own end; then when and why that was.
    waits: bool = False
    closed: tuple[datetime, str] | None = None
    input_started_at: datetime | None = None
    result_at: datetime | None = None
    results: int = 0
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
            "call": self.call,
            "aor": self.aor,
            "engine": self.engine,
            "server": self.server,
            "started_at": self.started_at,
            "input_started_at": self.input_started_at,
            "result_at": self.result_at,
            "results": self.results,
            "ended_at": self.ended_at,
            "cause": self.cause,
            "latency": self.latency,
            "text": self.text if with_text else None,
        }

    @property
    def profile(self) -> Profile | None:
        return (self.server, self.resource) if self.server else None


Change = tuple[SpeechSession, SpeechKind, datetime]


@dataclass(slots=True)
class SpeechSessions:
    """Live sessions by leg and resource. Each method returns what changed, in order."""

    live: dict[tuple[str, SpeechResource], SpeechSession] = field(default_factory=dict)
    channels: MrcpChannels = field(default_factory=MrcpChannels)
    # Of the process whose sessions these are.
    boot: str | None = None

    def start(self, session: SpeechSession) -> Iterator[Change]:
        """A leg's session begins; one that it still had is over."""
        yield from self.end(session.leg, session.resource, session.started_at, "closed")
        if len(self.live) >= SESSIONS_MAX:
            oldest = next(iter(self.live.values()))
            yield from self.end(oldest.leg, oldest.resource, session.started_at, "end-lost")
        self.live[session.leg, session.resource] = session
        if session.resource is RECOGNISER:  # a second recognition may use the channel of the first
            session.server = self.channels.profile_of(session.leg)
            session.is_open = session.server is not None
        yield session, SpeechKind.STARTED, session.started_at

    def profile_opened(self, profile: Profile) -> None:
        """mod_unimrcp opened a channel. A synthesiser's leg has no other event of its start."""
        self.channels.opened(profile)
        if profile[1] is SYNTHESISER:
            for session in self.live.values():
                if session.resource is SYNTHESISER and session.server is None:
                    session.server = self.channels.claim_open(session.leg, SYNTHESISER)
                    return

    def opened(self, leg: str) -> None:
        """The leg's recogniser has its audio; the channel opened last is the leg's."""
        server = self.channels.claim_open(leg, RECOGNISER)
        if session := self.live.get((leg, RECOGNISER)):
            session.is_open, session.server = True, server

    def input_started(self, leg: str, at: datetime) -> Iterator[Change]:
        """The recogniser heard the caller."""
        if session := self.live.get((leg, RECOGNISER)):
            session.input_started_at = at
            yield session, SpeechKind.INPUT_STARTED, at

    def result(
        self, leg: str, at: datetime, cause: str | None, text: str | None
    ) -> Iterator[Change]:
        """The recogniser completed."""
        if session := self.live.get((leg, RECOGNISER)):
            began = session.input_started_at
            session.latency = max(0.0, (at - began).total_seconds()) if began else None
            session.result_at, session.cause, session.text = at, cause, text
            session.results += 1
            yield session, SpeechKind.RESULT, at

    def end(self, leg: str, resource: SpeechResource, at: datetime, why: str) -> Iterator[Change]:
        """A session is over; `why` is its cause where no result has one."""
        if session := self.live.pop((leg, resource), None):
            session.ended_at = max(at, session.started_at)
            session.cause = session.cause or why
            yield session, SpeechKind.ENDED, session.ended_at

    def close(self, leg: str, at: datetime, why: str) -> Iterator[Change]:
        """The leg's recogniser is closed; an application that waits for it reports why."""
        session = self.live.get((leg, RECOGNISER))
        if session is None or not session.waits:
            yield from self.end(leg, RECOGNISER, at, why)
        elif session.closed is None:
            session.closed = at, why

    def hung_up(self, leg: str, at: datetime) -> Iterator[Change]:
        """The leg has ended, and all that it used."""
        for resource in SpeechResource:
            yield from self.end(leg, resource, at, "hangup")
        self.channels.forget(leg)

    def restarted(self, boot: str, at: datetime) -> Iterator[Change]:
        """The switch's process is another one: no session of the old one lives."""
        for leg, resource in list(self.live):
            yield from self.end(leg, resource, at, "node-lost")
        self.boot, self.channels = boot, MrcpChannels()

    def listed(self, legs: set[str], at: datetime) -> Iterator[Change]:
        """The switch's channels, complete as of `at`: a session of another leg has lost its end."""
        for (leg, resource), session in list(self.live.items()):
            if leg not in legs and session.started_at < at:
                yield from self.end(leg, resource, at, "end-lost")

    def advance(self, now: datetime) -> Iterator[Change]:
        """Apply what time alone shows: lost servers, recognisers without a result, lost ends."""
        counts: dict[Profile, int] = {}
        for session in self.live.values():
            if session.profile:
                counts[session.profile] = counts.get(session.profile, 0) + 1
        for profile, at in self.channels.lost(counts, now).items():
            for session in [one for one in self.live.values() if one.profile == profile]:
                yield from self.end(session.leg, session.resource, at, "server-lost")
                self.channels.forget(session.leg)
        for session in list(self.live.values()):
            if session.closed and now - session.closed[0] >= UNCLAIMED_AFTER:
                yield from self.end(session.leg, session.resource, *session.closed)
            elif now - session.started_at > LONGEST:
                yield from self.end(session.leg, session.resource, now, "end-lost")
            elif self._is_silent(session, now):
                session.reported_silent = True
                yield session, SpeechKind.NO_RESULT, session.started_at + NO_RESULT_AFTER

    @staticmethod
    def _is_silent(session: SpeechSession, now: datetime) -> bool:
        return (
            session.resource is RECOGNISER
            and not session.results
            and not session.reported_silent
            and now - session.started_at >= NO_RESULT_AFTER
        )
