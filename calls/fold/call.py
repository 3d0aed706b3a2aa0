"""A call: its legs, and the media and speech of their dialogs. Pure."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.call_record import CallLeg, CallMedia, CallSpeech

# (node, leg)
LegKey = tuple[str, str]
# Kind, node (none where the name is not a node's own) and name: see calls.fold.joining.
Identifier = tuple[str, str, str]


@dataclass(slots=True)
class Call:
    """One call in memory. `touched` is the folding process' clock at its last event.

    `published` is a digest of the last record, `version` that record's; 0: none yet.
    """

    id: str
    touched: datetime
    legs: dict[LegKey, CallLeg] = field(default_factory=dict)
    media: dict[tuple[str, str], CallMedia] = field(default_factory=dict)  # by proxy, Call-ID
    speech: dict[str, CallSpeech] = field(default_factory=dict)  # by session
    identifiers: set[Identifier] = field(default_factory=set)  # under which it is indexed
    version: int = 0
    published: bytes = b""

    @property
    def started(self) -> datetime:
        return min(leg.started for leg in self.legs.values())

    @property
    def is_over(self) -> bool:
        return all(leg.ended is not None for leg in self.legs.values())

    @property
    def ended(self) -> datetime | None:
        """When the last of its legs ended; None while one has not."""
        if not self.is_over:
            return None
        return max((leg.ended for leg in self.legs.values() if leg.ended), default=None)

    def absorb(self, other: "Call") -> None:
        """Take all of another call, which turned out to be a part of this one."""
        self.legs |= {key: leg for key, leg in other.legs.items() if key not in self.legs}
        self.media |= {key: media for key, media in other.media.items() if key not in self.media}
        self.speech |= {key: one for key, one in other.speech.items() if key not in self.speech}
        self.touched = max(self.touched, other.touched)
