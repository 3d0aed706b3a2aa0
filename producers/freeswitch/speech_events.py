"""One event of a speech application, a recogniser or an MRCP channel → changes of sessions.

Pure. One table: event name → handler. `DETECTED_SPEECH` comes only with `fire_asr_events`; without
it the result of play_and_detect_speech is read from the event of its end.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from producers.freeswitch.calls import identify
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.speech_sessions import Change, SpeechSession, SpeechSessions
from producers.speech_causes import completion, failure
from producers.speech_rules import RECOGNISER, SYNTHESISER
from schemas.speech import TEXT_MAX
from schemas.vocabulary import SpeechResource

_WAITING_APPLICATION, _APPLICATION, _SPEAK = "play_and_detect_speech", "detect_speech", "speak"
# First words of detect_speech that start nothing (mod_dptools, detect_speech_function).
_COMMANDS = frozenset(
    [
        "grammar",
        "nogrammar",
        "grammaron",
        "grammaroff",
        "grammarsalloff",
        "init",
        "pause",
        "resume",
        "stop",
        "param",
        "start-input-timers",
        "start_input_timers",
    ]
)
_MRCP_RESOURCES = {"ASR": RECOGNISER, "TTS": SYNTHESISER}
_UNIMRCP = "unimrcp"


def _executed(
    event: SwitchEvent, context: Context, sessions: SpeechSessions, at: datetime
) -> Iterator[Change]:
    application, data = event.text("Application"), event.text("Application-Data") or ""
    if application == _WAITING_APPLICATION:
        engine = data.partition("detect:")[2].partition(" ")[0]
        yield from sessions.start(_session(event, context, RECOGNISER, at, engine, waits=True))
    elif application == _APPLICATION and _first_word(data) not in _COMMANDS:
        yield from sessions.start(_session(event, context, RECOGNISER, at, _first_word(data)))
    elif application == _SPEAK:
        named = data.split("|")
        engine = named[0] if len(named) > 2 else event.text("variable_tts_engine") or ""
        yield from sessions.start(_session(event, context, SYNTHESISER, at, engine))


def _completed(
    event: SwitchEvent, _: Context, sessions: SpeechSessions, at: datetime
) -> Iterator[Change]:
    application, leg = event.text("Application"), event.required("Unique-ID")
    failed = failure(event.text("Application-Response"))
    why = "hangup" if _has_hung_up(event) else failed
    session = sessions.live.get((leg, RECOGNISER))
    if application == _WAITING_APPLICATION:
        text = event.text("variable_detect_speech_result", TEXT_MAX)
        if session and not session.results and text and failed is None:
            yield from sessions.result(leg, at, completion(None, text) or "success", text)
        yield from sessions.end(leg, RECOGNISER, at, why or "closed")
    elif application == _APPLICATION:
        if _first_word(event.text("Application-Data") or "") == "stop":
            yield from sessions.end(leg, RECOGNISER, at, "stopped")
        elif session and not session.is_open:
            yield from sessions.end(leg, RECOGNISER, at, why or "asr-init-error")
    elif application == _SPEAK:
        speaking = sessions.live.get((leg, SYNTHESISER))
        unopened = speaking and speaking.engine == _UNIMRCP and speaking.server is None
        yield from sessions.end(
            leg, SYNTHESISER, at, why or ("tts-init-error" if unopened else "normal")
        )
        sessions.channels.claim_close(leg, SYNTHESISER)


def _bug_started(
    event: SwitchEvent, context: Context, sessions: SpeechSessions, at: datetime
) -> Iterator[Change]:
    if event.text("Media-Bug-Function") != "detect_speech":
        return
    leg, engine = event.required("Unique-ID"), event.text("Media-Bug-Target") or ""
    if (leg, RECOGNISER) not in sessions.live:
        session = _session(event, context, RECOGNISER, at, engine.partition("/")[0])
        yield from sessions.start(session)
    sessions.opened(leg)


def _bug_stopped(
    event: SwitchEvent, _: Context, sessions: SpeechSessions, at: datetime
) -> Iterator[Change]:
    if event.text("Media-Bug-Function") == "detect_speech":
        yield from _closed(event, sessions, at)


def _detected(
    event: SwitchEvent, context: Context, sessions: SpeechSessions, at: datetime
) -> Iterator[Change]:
    leg, kind = event.required("Unique-ID"), event.text("Speech-Type")
    if kind == "closed":
        yield from _closed(event, sessions, at)
        return
    if kind not in ("begin-speaking", "detected-speech"):
        return
    if (leg, RECOGNISER) not in sessions.live:  # resumed, or begun before this producer
        yield from sessions.start(_session(event, context, RECOGNISER, at, ""))
        sessions.opened(leg)
    if kind == "begin-speaking":
        yield from sessions.input_started(leg, at)
    else:
        body = event.text("_body", TEXT_MAX)
        cause = completion(event.text("ASR-Completion-Cause"), body)
        yield from sessions.result(leg, at, cause, body)


def _closed(event: SwitchEvent, sessions: SpeechSessions, at: datetime) -> Iterator[Change]:
    leg = event.required("Unique-ID")
    yield from sessions.close(leg, at, "hangup" if _has_hung_up(event) else "closed")
    sessions.channels.claim_close(leg, RECOGNISER)


def _hung_up(
    event: SwitchEvent, _: Context, sessions: SpeechSessions, at: datetime
) -> Iterator[Change]:
    return sessions.hung_up(event.required("Unique-ID"), at)


def _profile(
    event: SwitchEvent, _: Context, sessions: SpeechSessions, at: datetime
) -> Iterable[Change]:
    name = event.identifier("MRCP-Profile")
    resource = _MRCP_RESOURCES.get(event.text("MRCP-Resource-Type") or "")
    if name is None or resource is None:
        return ()
    if event.name.endswith("open"):
        sessions.profile_opened((name, resource))
    else:
        sessions.channels.closed((name, resource), at)
    return ()


Handler = Callable[[SwitchEvent, Context, SpeechSessions, datetime], Iterable[Change]]
HANDLERS: dict[str, Handler] = {
    "CHANNEL_EXECUTE": _executed,
    "CHANNEL_EXECUTE_COMPLETE": _completed,
    "MEDIA_BUG_START": _bug_started,
    "MEDIA_BUG_STOP": _bug_stopped,
    "DETECTED_SPEECH": _detected,
    "CHANNEL_HANGUP_COMPLETE": _hung_up,
    "unimrcp::profile_open": _profile,
    "unimrcp::profile_close": _profile,
}
OF_A_LEG = frozenset(name for name in HANDLERS if "::" not in name)
# Those that nothing else is subscribed for.
EVENTS = tuple(name for name in HANDLERS if name in OF_A_LEG - {"CHANNEL_HANGUP_COMPLETE"})
CUSTOM_EVENTS = tuple(name for name in HANDLERS if "::" in name)


def _session(
    event: SwitchEvent,
    context: Context,
    resource: SpeechResource,
    at: datetime,
    engine: str,
    *,
    waits: bool = False,
) -> SpeechSession:
    leg, node = event.required("Unique-ID"), context.node_of(event)
    identity = identify(event, context, leg)
    return SpeechSession(
        id=f"{node}/{event.boot}/{event.seq}",
        node=node,
        boot=event.boot,
        seq=event.seq,
        resource=resource,
        leg=leg,
        call=identity.call,
        aor=identity.aor,
        started_at=at,
        engine=engine.partition(":")[0][:255] or None,
        waits=waits,
    )


def _has_hung_up(event: SwitchEvent) -> bool:
    return event.text("Answer-State") == "hangup"


def _first_word(data: str) -> str:
    return data.strip().partition(" ")[0].lower()
