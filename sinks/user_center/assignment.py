"""The offsets of one partition that this process reads: which may be committed (pure)."""

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Assignment:
    """A partition while this process owns it; a later assignment of it is another object."""

    number: int
    outstanding: "OrderedDict[int, None]" = field(default_factory=OrderedDict)
    next_offset: int | None = None
    revoked: bool = False

    @property
    def position(self) -> int | None:
        """The offset to commit: of the first state still outstanding, else the next to read.

        None before anything was read.
        """
        return next(iter(self.outstanding), self.next_offset)

    def read(self, offset: int) -> None:
        """A state was read; it is outstanding until it is `complete`d."""
        self.next_offset = offset + 1
        self.outstanding[offset] = None

    def skip(self, offset: int) -> None:
        """A record was read that holds nothing to deliver."""
        self.next_offset = offset + 1

    def complete(self, offset: int) -> None:
        """The state was delivered, superseded by a newer one, or written to dead letters."""
        self.outstanding.pop(offset, None)
