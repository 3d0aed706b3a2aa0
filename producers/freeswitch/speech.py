"""Events of the switch → `rollcall.speech`: what changed in the speech sessions of its calls.

Pure but for the context's sessions. One record a change; the last one of a session is all of it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.speech_events import HANDLERS, OF_A_LEG
from producers.freeswitch.speech_sessions import Change, SpeechSession
from producers.translated import Translated
from schemas.codec import build
from schemas.speech import SpeechEvent
from schemas.topics import SPEECH
from schemas.vocabulary import Source, SpeechKind


def translate(event: SwitchEvent, context: Context) -> list[Translated]:
    """What an event changes of speech sessions. Raises InvalidRecord."""
    sessions = context.speech
    if sessions is None:
        return []
    if event.name in OF_A_LEG:  # before anything changes: what is raised loses nothing
        event.required("Unique-ID")
    at, changes = event.at, list[Change]()
    if sessions.boot != event.boot:
        changes += sessions.restarted(event.boot, at)
    changes += sessions.advance(at)
    if handler := HANDLERS.get(event.name):
        changes += handler(event, context, sessions, at)
    return _records(changes, context, event.seq)


def tick(context: Context, now: datetime) -> list[Translated]:
    """What time alone changes; `now` is the node's."""
    if context.speech is None:
        return []
    return _records(context.speech.advance(now), context, None)


def listed(context: Context, legs: set[str], at: datetime) -> list[Translated]:
    """What a complete list of the node's legs as of `at` changes."""
    if context.speech is None:
        return []
    return _records(context.speech.listed(legs, at), context, None)


def _records(changes: Iterable[Change], context: Context, seq: int | None) -> list[Translated]:
    return [_record(*change, context, seq) for change in changes]


def _record(
    session: SpeechSession, kind: SpeechKind, at: datetime, context: Context, seq: int | None
) -> Translated:
    repeats = kind in (SpeechKind.INPUT_STARTED, SpeechKind.RESULT)
    fields: dict[str, Any] = {
        "id": f"{session.id}/{kind}" + (f"-{seq}" if repeats else ""),
        "source": Source.FREESWITCH,
        "node": session.node,
        "boot": session.boot,
        "seq": session.seq if seq is None else seq,
        "at": at,
        "kind": kind,
        "session": session.id,
        **session.fields(with_text=context.speech_text),
    }
    return Translated(SPEECH, session.aor or session.leg, build(SpeechEvent, **fields))
