"""Where the playing of a recording must pause: before events of another kind than those sent.

Each kind travels by a topic of its own, and no order holds between topics. At the pace of life
that does not show, but compressed into a moment a call could be folded before the registration
that came a second earlier.
"""

from dataclasses import dataclass

from local.replay.esl_recording import RecordedFrame

_KINDS = {
    "sofia::register": "registrations",
    "sofia::unregister": "registrations",
    "sofia::expire": "registrations",
    "sofia::register_failure": "registrations",
    "sofia::sip_user_state": "registrations",
    "sofia::tp_error": "connections",
    "DTMF": "calls",
    "SHUTDOWN": "nodes",
}
# A heartbeat moves the node's clock, on which bindings expire: no further than this at once.
_CLOCK_STEP = 60_000_000  # µs


@dataclass(slots=True)
class Turns:
    """Of one sending of a recording; ask it of each frame in order."""

    _kind: str = ""
    _paused_at: int = 0

    def pauses_before(self, frame: RecordedFrame) -> bool:
        """Whether all that was sent before must have its effect before `frame` is sent."""
        if frame.name == "HEARTBEAT":
            pauses = bool(self._kind) and frame.at - self._paused_at > _CLOCK_STEP
        else:
            kind = "calls" if frame.name.startswith("CHANNEL_") else _KINDS.get(frame.name, "")
            pauses = kind not in ("", self._kind) and bool(self._kind)
            self._kind = kind or self._kind
        if pauses or not self._paused_at:
            self._paused_at = frame.at
        return pauses
