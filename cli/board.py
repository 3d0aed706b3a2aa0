"""The demo's live board: users with status, node and cause, and the last changes."""

from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.layout import Column, lay_out
from cli.rendering import as_line, as_table, nodes, shared_domain, status, user
from schemas.presence import Presence

_LAST = 12
# Lines that are no rows: the head and a blank, the users' header, a blank and the changes' two.
_FRAME = 7
_CHANGES = (
    Column("time (UTC)"),
    Column("user", least=8),
    Column("status"),
    Column("cause", least=8),
    Column("node", least=6, rank=1),
    Column("delay", rank=2),
)


def _utc() -> datetime:
    return datetime.now(UTC)


def _delay(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


class Board:
    """Shows changes as they come; if the output is not a terminal, prints a line for each."""

    def __init__(self, console: Console, title: str, clock: Callable[[], datetime] = _utc) -> None:
        """`title` is the board's heading; `clock` gives the current time."""
        self._console = console
        self._title = title
        self._clock = clock
        self.users: dict[str, Presence] = {}
        self.causes: Counter[str] = Counter()
        self.delays: list[float] = []
        self._last: deque[tuple[Presence, float | None]] = deque(maxlen=_LAST)
        self._live: Live | None = None

    def __enter__(self) -> "Board":
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, screen=False)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.update(self.render(), refresh=True)
            self._live.stop()

    def add(self, presence: Presence, seconds: float | None) -> None:
        """Add a change that was published `seconds` after its cause; None: that is not known."""
        self.users[presence.aor] = presence
        self.causes[presence.cause] += 1
        if seconds is not None:
            self.delays.append(seconds)
        self._last.appendleft((presence, seconds))
        if self._live is None:
            line = f"{as_line(presence)}  {_delay(seconds)}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def refresh(self) -> None:
        """Draw the current state; call it several times a second."""
        if self._live is not None:
            self._live.update(self.render(), refresh=True)

    def render(self) -> RenderableType:
        """The board, no higher and no wider than the terminal: users, then the last changes."""
        width, height = self._console.size
        rows = max(2, height - _FRAME)
        changes = min(_LAST, max(1, rows // 3))
        room = max(1, rows - min(changes, len(self._last)))
        users = sorted(self.users.values(), key=lambda p: p.aor)
        shown = users if len(users) <= room else users[: room - 1]
        left = Text(f"… {len(users) - len(shown)} more", style="dim")
        return Group(
            self._head(users, width),
            Text(),
            as_table(shown, width, self._clock()),
            *([left] if len(shown) < len(users) else []),
            Text(),
            Text("last changes", style="bold"),
            self._changes(shared_domain(users), changes, width),
        )

    def _head(self, users: list[Presence], width: int) -> Text:
        reachable = sum(presence.reachable for presence in users)
        domain = shared_domain(users)
        head = Text(f"{self._title}  ", style="bold")
        head.append(f"{reachable} of {len(users)} users{f' of {domain}' if domain else ''} ")
        head.append(f"reachable, {sum(self.causes.values())} changes")
        head.truncate(width, overflow="ellipsis")
        return head

    def _changes(self, domain: str | None, count: int, width: int) -> Table:
        """The newest that came, in order of their own time."""
        newest = sorted(list(self._last)[:count], key=lambda change: change[0].at, reverse=True)
        rows: list[list[Text | str]] = [
            [
                presence.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3],
                user(presence, domain),
                status(presence),
                str(presence.cause),
                nodes(presence) or "-",
                _delay(seconds),
            ]
            for presence, seconds in newest
        ]
        return lay_out(_CHANGES, rows, width)
