"""What a translation needs beside its answer: the node, its boot, and receive times."""

from dataclasses import dataclass, field
from typing import Any

from producers.receive_times import Received, Ticks
from schemas.vocabulary import Source


@dataclass(slots=True)
class Context:
    """One rtpengine. `boot` changes when it has restarted."""

    node: str
    boot: str
    ticks: Ticks = field(default_factory=Ticks)
    # Whether a keyed digit is published with its value.
    digits_in_clear: bool = False

    @property
    def dead_letter_key(self) -> str:
        """The key of its dead letters."""
        return f"{Source.RTPENGINE.value}/{self.node}"

    def origin(self, received: Received) -> dict[str, Any]:
        """The fields of schemas.origin.Event."""
        return {
            "id": f"{self.node}/{self.boot}/{received.seq}",
            "source": Source.RTPENGINE,
            "node": self.node,
            "boot": self.boot,
            "seq": received.seq,
            "at": received.at,
        }
