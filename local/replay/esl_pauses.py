"""Where a replay must pause: before events of another kind than those sent before.

Each kind has its own topic, and there is no order between topics. At the recorded pace this does
not matter, but in a burst a call could be folded before the registration of a second earlier.
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
# A heartbeat moves the node's clock, by which bindings expire: by no more than this at once.
_CLOCK_STEP = 60_000_000  # µs


@dataclass(slots=True)
class Pauses:
    """The pauses of one sending of a recording; ask for each frame, in order."""

    _kind: str = ""
    _paused_at: int = 0

    def is_before(self, frame: RecordedFrame) -> bool:
        """Whether everything sent so far must be processed before `frame` is sent."""
        if frame.name == "HEARTBEAT":
            pauses = bool(self._kind) and frame.at - self._paused_at > _CLOCK_STEP
        else:
            kind = "calls" if frame.name.startswith("CHANNEL_") else _KINDS.get(frame.name, "")
            pauses = kind not in ("", self._kind) and bool(self._kind)
            self._kind = kind or self._kind
        if pauses or not self._paused_at:
            self._paused_at = frame.at
        return pauses
