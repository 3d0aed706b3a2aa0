"""What an audit needs of a node: its listing, or the reason why there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from operate.audit.listing import Listing, Row, UnreadableRow
from producers.sockets.live_connections import LiveConnections
from schemas.codec import InvalidRecord

# The boot id in records that never leave this process.
BOOT = "audit"
_TEXT_MAX = 200
AskKernel = Callable[[], LiveConnections | None]


class NotAudited(Exception):
    """The node gave no complete listing: its bindings are not known. The message has the reason."""


class Registrar(Protocol):
    """A node to ask. `label` is its name, or its address until that is known."""

    @property
    def label(self) -> str: ...

    def ask(self) -> Listing:
        """The node's complete listing. Raises NotAudited."""


def no_kernel() -> None:
    """Asks no kernel: for nodes on other hosts."""


class Rows:
    """The rows of one listing: those that fit an event, and those that do not."""

    def __init__(self) -> None:
        self.readable: list[Row] = []
        self.unreadable: list[UnreadableRow] = []

    @contextmanager
    def reading(self, aor: object, contact: object) -> Iterator[None]:
        """Parse one row within; it is added as unreadable where it does not fit a record."""
        try:
            yield
        except InvalidRecord as error:
            self.add_unreadable(aor, contact, error)

    def add_unreadable(self, aor: object, contact: object, error: InvalidRecord) -> None:
        """Add a row that does not fit a record, with its fault."""
        fault = f"{error.field}: {error.reason}"
        self.unreadable.append(UnreadableRow(_printable(aor), _printable(contact), fault))


def _printable(text: object) -> str:
    """The first characters; what UTF-8 cannot encode is replaced."""
    return str(text)[:_TEXT_MAX].encode("utf-8", "replace").decode()
