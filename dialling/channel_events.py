"""Events of a dialled channel, as far as its rules need them (pure)."""

from dataclasses import dataclass
from enum import Enum

from producers.freeswitch.event import SwitchEvent

# Only the service's own channels, and the ends of its originates.
FILTERS = ("filter variable_rollcall_dial true", "filter Event-Name BACKGROUND_JOB")
SUBSCRIPTION = (
    "event json BACKGROUND_JOB CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER "
    "CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE"
)


class Happened(Enum):
    """What an event means to a call."""

    RINGING = 0
    EARLY_MEDIA = 1
    ANSWERED = 2
    DETECTED = 3  # a detector found what it waits for
    TIMED_OUT = 4  # a detector did not
    PLAYED = 5
    NOT_CALLED = 6  # the originate failed
    ENDED = 7
    RECONNECTED = 8  # the event socket, not the call


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """`uuid`: the channel's. `application`: the id given with an execute; `cause`: of an end."""

    uuid: str
    what: Happened
    application: str = ""
    cause: str = ""


_PLAIN = {
    "CHANNEL_PROGRESS": Happened.RINGING,
    "CHANNEL_PROGRESS_MEDIA": Happened.EARLY_MEDIA,
    "CHANNEL_ANSWER": Happened.ANSWERED,
}


def channel_event(event: SwitchEvent) -> ChannelEvent | None:
    """None for an event that means nothing here. Raises InvalidRecord."""
    name = event.name
    if name == "BACKGROUND_JOB":
        return _job(event)
    uuid = event.required("Unique-ID")
    if name in _PLAIN:
        return ChannelEvent(uuid, _PLAIN[name])
    if name == "CHANNEL_HANGUP_COMPLETE":
        return ChannelEvent(uuid, Happened.ENDED, cause=event.text("Hangup-Cause") or "UNKNOWN")
    if name == "CHANNEL_EXECUTE_COMPLETE":
        return _executed(event, uuid)
    return None


def _executed(event: SwitchEvent, uuid: str) -> ChannelEvent | None:
    application = event.text("Application") or ""
    identity = event.text("Application-UUID") or ""
    if application == "playback":
        return ChannelEvent(uuid, Happened.PLAYED, identity)
    if application not in ("detect_audio", "detect_silence"):
        return None
    timed_out = event.text(f"variable_{application}_timeout") != "false"
    return ChannelEvent(uuid, Happened.TIMED_OUT if timed_out else Happened.DETECTED, identity)


def _job(event: SwitchEvent) -> ChannelEvent | None:
    """The end of an originate: its job has the UUID of the channel to be."""
    answer = event.raw("_body") or ""
    if not answer.startswith("-ERR"):
        return None
    cause = answer.removeprefix("-ERR").strip()[:80] or "UNKNOWN"
    return ChannelEvent(event.required("Job-UUID"), Happened.NOT_CALLED, cause=cause)
