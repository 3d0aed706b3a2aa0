"""One audit: ask the nodes, compare with presence, look again, report what still disagrees.

Presence and nodes both move. So in each look a disagreement must hold against presence as it was
before the nodes were asked and as it was after; and it must be there again in a second look.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from operate.audit.comparison import compare
from operate.audit.findings import Disagreement, Excuse, Limits
from operate.audit.listing import Listing
from operate.audit.registrars import NotAudited, Registrar
from schemas.presence import Presence
from schemas.session import Session


class View(Protocol):
    """See operate.audit.presence_view."""

    def refresh(self) -> None: ...

    def presence(self) -> Mapping[str, Presence]: ...

    def sessions(self) -> Mapping[str, Session]: ...


@dataclass(slots=True)
class Report:
    """What one audit says. `unaudited`: of each node that gave no listing, why."""

    bindings: dict[str, int] = field(default_factory=dict)  # listed, by node
    users: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    excused: Counter[Excuse] = field(default_factory=Counter)
    unaudited: dict[str, str] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Every node answered, and presence is right about all of them."""
        return not self.disagreements and not self.unaudited


class Audit:
    """`pause` waits so many seconds between two looks."""

    def __init__(
        self,
        registrars: Sequence[Registrar],
        view: View,
        limits: Limits,
        settle: float,
        pause: Callable[[float], object],
    ) -> None:
        self._registrars = registrars
        self._view = view
        self._limits = limits
        self._settle = settle
        self._pause = pause

    def run(self) -> Report:
        """Raises NotReadToEnd, KafkaUnavailable, KafkaMisconfigured."""
        first = self._look()
        if not first.disagreements:
            return first
        self._pause(self._settle)
        second = self._look()
        seen = {one.identity for one in first.disagreements}
        second.disagreements = [one for one in second.disagreements if one.identity in seen]
        return second

    def _look(self) -> Report:
        view, limits = self._view, self._limits
        view.refresh()
        presence, sessions = view.presence(), view.sessions()
        listings, unaudited = self._ask()
        before = compare(listings, presence, sessions, limits)
        view.refresh()
        after = compare(listings, view.presence(), view.sessions(), limits)
        seen = {one.identity for one in before.disagreements}
        return Report(
            dict(after.bindings),
            after.users,
            [one for one in after.disagreements if one.identity in seen],
            after.excused,
            unaudited,
        )

    def _ask(self) -> tuple[dict[str, Listing], dict[str, str]]:
        listings: dict[str, Listing] = {}
        unaudited: dict[str, str] = {}
        for registrar in self._registrars:
            try:
                listing = registrar.ask()
            except NotAudited as error:
                unaudited[registrar.label] = str(error)
                continue
            if listing.node in listings:
                unaudited[registrar.label] = "another node of that name was asked already"
            else:
                listings[listing.node] = listing
        return listings, unaudited
