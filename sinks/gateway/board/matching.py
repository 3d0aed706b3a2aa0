"""Whether a row is selected: filters, and the words of a search in a user's stable texts (pure).

Searched are AOR, nodes, edges and user agents: what a user has for long. Times, counts and states
are not, for a search would find a user now and not a second later.
"""

from collections.abc import Sequence

from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.board.request import Selection
from sinks.gateway.board.row import Devices, Row
from sinks.gateway.facts import Facts
from sinks.gateway.message import domain_of

# So many facts and lists of devices are remembered, with what was found out of them.
_KEPT = 20_000


class Matcher:
    """One selection of rows that the viewer may see, by the parts of them that it may see.

    Facts and lists of devices are shared by many rows: filters and words are tried once on each,
    found by its identity.
    """

    def __init__(self, selection: Selection, scope: Scope) -> None:
        self._selection = selection
        self._words = selection.words
        self._with_devices = scope.grants(Part.USER_AGENT)
        # The object itself is kept too, so that its identity stays its own.
        self._facts: dict[int, tuple[Facts, bool, str]] = {}
        self._devices: dict[int, tuple[Devices, str]] = {}

    def select(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Those of the rows that are selected, in the same order."""
        by = self._selection
        known = {key: self._learn(one) for key, one in {id(r.facts): r.facts for r in rows}.items()}
        if not all(one[1] for one in known.values()):
            rows = [row for row in rows if known[id(row.facts)][1]]
        if by.cause is not None:
            rows = [row for row in rows if row.cause == by.cause]
        if by.domain is not None:
            rows = [row for row in rows if domain_of(row.aor) == by.domain]
        for word in self._words:
            places = {key for key, one in known.items() if word in one[2]}
            rows = self._with(word, places, rows)
        return rows

    def _with(self, word: str, places: set[int], rows: Sequence[Row]) -> Sequence[Row]:
        """The rows whose user, places (facts, by identity) or devices have the word."""
        devices: set[int] = set()
        if self._with_devices:
            found = {id(row.devices): row.devices for row in rows}
            devices = {number for number, one in found.items() if word in self._text(one)}
        if not places and not devices:
            return [row for row in rows if word in row.text]
        return [
            row
            for row in rows
            if word in row.text or id(row.facts) in places or id(row.devices) in devices
        ]

    def _text(self, devices: Devices) -> str:
        if (known := self._devices.get(id(devices))) is None:
            if len(self._devices) > _KEPT:
                self._devices.clear()
            known = self._devices[id(devices)] = devices, "\n".join(devices).lower()
        return known[1]

    def _learn(self, facts: Facts) -> tuple[Facts, bool, str]:
        """The facts, whether the filters let them through, and the names of their places."""
        if (known := self._facts.get(id(facts))) is None:
            if len(self._facts) > _KEPT:
                self._facts.clear()
            places = "\n".join((*facts.nodes, *facts.edges)).lower()
            known = self._facts[id(facts)] = facts, _has(facts, self._selection), places
        return known


def _has(facts: Facts, wanted: Selection) -> bool:
    """Whether the filters by facts let them through."""
    return (
        (wanted.status is None or wanted.status == facts.status)
        and (wanted.reachable is None or wanted.reachable == facts.reachable)
        and (wanted.confidence is None or wanted.confidence == facts.confidence)
        and (wanted.node is None or wanted.node in facts.nodes)
    )
