"""What a translation needs beside its event: the switch's settings, and what came before."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.known_rows import KnownRows
from producers.freeswitch.matching import Mode, mode_of
from producers.freeswitch.speech_sessions import SpeechSessions
from producers.freeswitch.verto_clients import VertoClients
from schemas.vocabulary import Direction, Source

LEGS_MAX = 100_000


class LegIdentity(NamedTuple):
    """The user and the call of a leg, by its first event."""

    aor: str | None
    call: str
    direction: Direction | None
    peer: str | None


@dataclass(slots=True)
class Context:
    """The state of one node. `node` None: each event's own FreeSWITCH-Switchname counts."""

    node: str | None
    expiry_margin: timedelta
    # `multiple-registrations` of all profiles, or of each.
    modes: Mode | Mapping[str, Mode] = "ask"
    # Profiles on which a call's From is believed without authentication.
    trusted_profiles: frozenset[str] = frozenset()
    # Whether a keyed digit is published with its value.
    digits_in_clear: bool = False
    known_rows: KnownRows = field(default_factory=KnownRows)
    verto: VertoClients = field(default_factory=VertoClients)
    # None: speech is not observed. `speech_text`: whether what was recognised is published.
    speech: SpeechSessions | None = None
    speech_text: bool = False
    # The switch overwrites a leg's dialed_user when it dials on, and its Channel-Call-UUID falls
    # back at hangup: the first event is right. Oldest first; ended legs leave.
    legs: OrderedDict[str, LegIdentity] = field(default_factory=OrderedDict)

    def remember(self, leg: str, identity: LegIdentity) -> None:
        self.legs[leg] = identity
        if len(self.legs) > LEGS_MAX:
            self.legs.popitem(last=False)

    def mode_of(self, profile: str | None) -> Mode:
        """A profile's `multiple-registrations`."""
        return mode_of(self.modes, profile)

    def node_of(self, event: SwitchEvent) -> str:
        """Raises InvalidRecord when neither settings nor event name the node."""
        return self.node or event.switch_name

    def origin(self, event: SwitchEvent, suffix: str = "") -> dict[str, Any]:
        """The fields of schemas.origin.Event. Raises InvalidRecord."""
        node, boot, seq = self.node_of(event), event.boot, event.seq
        return {
            "id": f"{node}/{boot}/{seq}{suffix}",
            "source": Source.FREESWITCH,
            "node": node,
            "boot": boot,
            "seq": seq,
            "at": event.at,
        }
