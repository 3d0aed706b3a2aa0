"""The demo's live board: users with status, node and cause, and the last changes."""

from collections import Counter, deque
from datetime import UTC

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.rendering import STYLES, as_line, as_table, nodes
from schemas.presence import Presence

_LAST = 12


class Board:
    """Shows changes as they come; if the output is not a terminal, prints a line for each."""

    def __init__(self, console: Console, title: str) -> None:
        """`title` is the board's heading."""
        self._console = console
        self._title = title
        self.users: dict[str, Presence] = {}
        self.causes: Counter[str] = Counter()
        self.delays: list[float] = []
        self._last: deque[tuple[Presence, float]] = deque(maxlen=_LAST)
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

    def add(self, presence: Presence, seconds: float) -> None:
        """Add a change that was published `seconds` after its cause."""
        self.users[presence.aor] = presence
        self.causes[presence.cause] += 1
        self.delays.append(seconds)
        self._last.appendleft((presence, seconds))
        if self._live is None:
            line = f"{as_line(presence)}  +{seconds * 1000:.0f} ms"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def refresh(self) -> None:
        """Draw the current state; call it several times a second."""
        if self._live is not None:
            self._live.update(self.render(), refresh=True)

    def render(self) -> RenderableType:
        """The board: users, then the last changes."""
        reachable = sum(presence.reachable for presence in self.users.values())
        head = Text(f"{self._title}   ", style="bold")
        head.append(f"{reachable} of {len(self.users)} users reachable, ")
        head.append(f"{sum(self.causes.values())} changes")
        return Group(head, Text(), as_table(list(self.users.values())), Text(), self._changes())

    def _changes(self) -> Table:
        table = Table(title="last changes", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for column in ("when (UTC)", "user", "status", "why", "node", "delay"):
            table.add_column(column)
        for presence, seconds in self._last:
            style = STYLES.get(presence.status, "")
            table.add_row(
                presence.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3],
                presence.aor,
                Text(presence.status, style=style),
                str(presence.cause),
                nodes(presence) or "-",
                f"{seconds * 1000:.0f} ms",
            )
        return table
