"""The rules' actions on the called leg at its switch, and its end: bridged, or hung up."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count

from dialling import originate
from dialling.actions import Counts
from dialling.errors import NodeAway
from dialling.hearing import Listen
from dialling.node import Node
from dialling.plan import Plan
from producers.freeswitch.errors import CommandRefused
from runtime import logs
from schemas.vocabulary import DigitMethod

log = logs.get(__name__)

# Sent while a detector listens, so that media flows from this side too.
_SILENCE = "silence_stream://-1"


class SwitchLeg:
    """One UUID on one node. `running`: the identity of the detector or playback that runs."""

    def __init__(self, node: Node, uuid: str, plan: Plan) -> None:
        self._node, self._uuid, self._plan = node, uuid, plan
        self._numbers = count(1)
        self.running = ""

    def counts(self) -> Counts:
        """The packet counters. Raises NodeAway."""
        return self._node.counts(self._uuid) or Counts(0, 0, 0)

    def listen(self, run: Listen) -> None:
        """Run a detector. Raises NodeAway."""
        self._execute(run.detector, f"{run.arguments} {_SILENCE}")

    def send_digit(self, place: int) -> None:
        """Send the digit at this place of the extension. Raises NodeAway."""
        plan, digit = self._plan, self._plan.digits[place]
        if plan.method is DigitMethod.INBAND:
            self._execute("playback", originate.tones(digit, plan.digit_ms))
            return
        try:
            self._node.api(originate.send_digit(self._uuid, digit, plan.digit_ms))
        except CommandRefused:
            # Its message repeats the command, with the digit.
            log.warning("digit refused by the switch", node=self._node.name, call=self._uuid)

    def bridge(self, user: str) -> bool:
        """Connect the user's leg with it; whether the node took the command."""
        return self._quietly(partial(self._node.api, f"uuid_bridge {user} {self._uuid}"))

    def hang_up(self, uuids: Iterable[str]) -> None:
        """End these legs, as far as there are any."""
        for uuid in uuids:
            self._quietly(partial(self._node.hang_up, uuid))

    def clear_marks(self, uuids: Iterable[str]) -> None:
        """From the durable result on that is the memory; the marks would stay for ever."""
        for uuid in uuids:
            self._quietly(partial(self._node.api, f"global_setvar {originate.marker(uuid)}="))

    def _execute(self, application: str, arguments: str) -> None:
        self.running = f"{self._uuid}-{next(self._numbers)}"
        self._node.execute(self._uuid, application, arguments, self.running)

    def _quietly(self, ask: Callable[[], object]) -> bool:
        try:
            ask()
        except (NodeAway, CommandRefused) as error:
            log.warning("the node is away at a call's end", call=self._uuid, error=str(error))
            return False
        return True
