"""The number's leg on its node: asked for once, and found again after the socket was lost."""

import json
import time
from typing import Any

import gevent

from dialling import originate
from dialling.errors import NodeAway
from dialling.node import Node
from producers.freeswitch.errors import CommandRefused

_POLL_SECONDS = 0.05
# For a node whose event socket is gone while a call of ours may live there.
_AWAY_SECONDS_MAX = 120.0
# From an originate to its channel.
_CREATED_SECONDS = 3.0


class NumberLeg:
    """One UUID on one node; `mailbox` gets its events."""

    def __init__(self, node: Node, uuid: str, mailbox: Any) -> None:
        self._node, self.uuid, self._mailbox = node, uuid, mailbox

    def ask(self, line: str) -> bool:
        """Ask the switch to call, again only where it is known that it never has.

        False where the node stayed away.
        """
        boot, asked = self._node.boot, False
        while True:
            try:
                if asked and self._was_called(boot):
                    return True
                asked = True
                self._node.originate(line, self.uuid)
                return True
            except NodeAway:
                if not self.await_node():
                    return False

    def await_node(self) -> bool:
        """Whether the node's event socket came back in time."""
        gevent.sleep(_POLL_SECONDS)  # a socket that has just failed is still taken for connected
        return bool(self._node.connected.wait(_AWAY_SECONDS_MAX))

    def is_there(self) -> bool:
        """Whether the leg lives; one that was just asked for may be still to come.

        Raises NodeAway.
        """
        deadline = time.monotonic() + _CREATED_SECONDS
        while not self._node.exists(self.uuid):
            if time.monotonic() > deadline or self._is_marked():
                return self._node.exists(self.uuid)
            gevent.sleep(_POLL_SECONDS)
        return True

    def answer_state(self) -> str | None:
        """`answered`, `early`, `ringing`; None where the switch does not answer that."""
        try:
            found = json.loads(self._node.api(f"uuid_dump {self.uuid} json"))
        except (ValueError, CommandRefused):
            return None
        state = found.get("Answer-State") if isinstance(found, dict) else None
        return state if isinstance(state, str) else None

    def _was_called(self, boot: str) -> bool:
        """Whether the switch has, or had, the leg; another process of it may have had it."""
        if self._node.exists(self.uuid) or self._is_marked() or self._node.boot != boot:
            return True
        # What was reported meanwhile is about a leg that was never there.
        while not self._mailbox.empty():
            self._mailbox.get()
        return False

    def _is_marked(self) -> bool:
        return self._node.has_variable(originate.marker(self.uuid))
