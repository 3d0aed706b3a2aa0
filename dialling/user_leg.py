"""The user's own leg: rung first at its node, parked until the far end has the extension."""

import time
from typing import Any

from gevent.queue import Empty

from dialling import originate
from dialling.channel_events import Happened
from dialling.node import Node
from dialling.plan import Plan
from dialling.timeline import Timeline
from dialling.whereabouts import endpoint_of
from schemas.dialling import DialCommand
from schemas.vocabulary import DialStepKind

# What the user hears meanwhile: a ringing tone.
_RINGING_TONE = "tone_stream://%(1000,4000,425);loops=-1"


class UserLeg:
    """One user, by the directory of the node; `uuid` is derived from the command's key."""

    def __init__(self, node: Node, command: DialCommand, plan: Plan) -> None:
        """Raises NotPermitted where the name cannot be dialled."""
        self._node, self._seconds = node, plan.timing.answer
        self._endpoint = endpoint_of(command.user or "")
        self.uuid = originate.call_uuid(command.key, "user")
        self._other = originate.call_uuid(command.key)

    def ring(self, mailbox: Any, timeline: Timeline) -> bool:
        """Whether the user answered, or had before a restart. Raises NodeAway, Unsafe."""
        if not self._node.exists(self.uuid):
            if self._node.has_variable(originate.marker(self.uuid)):
                return False  # answered before a restart, and hung up since
            timeline.add(DialStepKind.USER_RINGING, time.monotonic())
            leg = originate.Leg(self.uuid, self._seconds, self._other)
            self._node.originate(originate.to_user(leg, self._endpoint), self.uuid)
            if not self._answers(mailbox):
                return False
        timeline.add(DialStepKind.USER_ANSWERED, time.monotonic())
        self._node.execute(self.uuid, "playback", _RINGING_TONE, self.uuid)
        return True

    def _answers(self, mailbox: Any) -> bool:
        deadline = time.monotonic() + self._seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = mailbox.get(timeout=left)
            except Empty:
                return False
            if event.uuid == self.uuid and event.what is Happened.ANSWERED:
                return True
            if event.uuid == self.uuid and event.what in (Happened.ENDED, Happened.NOT_CALLED):
                return False
        return False
