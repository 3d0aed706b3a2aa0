"""One audit: ask the nodes, compare with presence, compare again, report what still disagrees.

Presence and nodes both change meanwhile. So in each pass a disagreement must hold against presence
from before the nodes were asked and from after; and it must be found again in a second pass.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from operate.audit.comparison import compare
from operate.audit.findings import Disagreement, Excuse, Limits
from operate.audit.listing import Listing
from operate.audit.registrar import NotAudited, Registrar
from schemas.presence import Presence
from schemas.session import Session


class View(Protocol):
    """What an audit reads of presence: operate.audit.presence_view, or a test's own."""

    def refresh(self) -> None: ...

    def presence(self) -> Mapping[str, Presence]: ...

    def sessions(self) -> Mapping[str, Session]: ...


@dataclass(slots=True)
class Report:
    """The result of one audit. `unaudited` has the reason for each node that gave no listing."""

    bindings: dict[str, int] = field(default_factory=dict)  # listed, by node
    users: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    excused: Counter[Excuse] = field(default_factory=Counter)
    unaudited: dict[str, str] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether every node answered, and presence agrees with all of them."""
        return not self.disagreements and not self.unaudited


class Audit:
    """Compares the nodes with presence in two passes, `settle` seconds apart; `pause` waits."""

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
        """The report of the second pass, or of the first where that finds no disagreement.

        Raises KafkaUnavailable, KafkaMisconfigured, TopicReplaced.
        """
        first = self._pass()
        if not first.disagreements:
            return first
        self._pause(self._settle)
        second = self._pass()
        seen = {one.identity for one in first.disagreements}
        second.disagreements = [one for one in second.disagreements if one.identity in seen]
        return second

    def _pass(self) -> Report:
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
                unaudited[registrar.label] = "another node of that name was already asked"
            else:
                listings[listing.node] = listing
        return listings, unaudited
