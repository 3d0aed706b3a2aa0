"""What every recorded server has in common for `Playing`."""

from collections.abc import Sequence
from typing import Any, Protocol


class Frame(Protocol):
    """One piece of a recording."""

    @property
    def received(self) -> int:
        """When the recorder received it, µs."""


class RecordedServer(Protocol):
    """Plays one recording to one producer."""

    @property
    def frames(self) -> Sequence[Frame]:
        """The recording, in order."""

    @property
    def sent_events(self) -> int:
        """How much was sent so far, in the unit of `received`."""

    @property
    def total_events(self) -> int:
        """How much it sends at most, in the same unit."""

    @property
    def finished(self) -> bool:
        """Whether everything was sent. Read it before `sent_events`, which is final then."""

    def start(self) -> None:
        """Raises OSError."""

    def stop(self) -> None: ...

    def environment(self, node: str | None) -> dict[str, str]:
        """Settings of the producer that is to read it; only after `start`."""

    def received(self, status: dict[str, Any]) -> int:
        """How much of `sent_events` the producer has read, by its /status."""
