"""Finds users by a part of their AOR without going through all rows: one text a domain (pure).

A search names a user in most cases, and few rows are left to try then (matching.py).
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import accumulate

from sinks.gateway.board.row import Devices, Row
from sinks.gateway.facts import Facts

# With more rows than that it is no faster than to go through all of them.
_FOUND_MAX = 2_000
# So many different facts and lists of devices are looked through for each word.
_DISTINCT_MAX = 5_000


# Lines made between two looks at the clock.
_STEP = 1_024

Pause = Callable[[], Awaitable[None]]


class _Lines:
    """The texts of one domain's users, a line each."""

    def __init__(self) -> None:
        self._aors: list[str] = []
        self._text = ""
        # Where each line begins, and the next one would.
        self._starts = array("Q", [0])

    async def fill(self, rows: list[Row], pause: Pause) -> None:
        """Make the lines, in slices."""
        texts: list[str] = []
        for first in range(0, len(rows), _STEP):
            some = rows[first : first + _STEP]
            self._aors += [row.aor for row in some]
            texts += [row.text for row in some]
            begin = self._starts.pop()
            self._starts.extend(accumulate((len(row.text) + 1 for row in some), initial=begin))
            await pause()
        self._text = "\n".join(texts)

    def having(self, word: str, most: int) -> list[str] | None:
        """The AORs of the lines with the word; None where they are more than `most`."""
        found: list[str] = []
        at = self._text.find(word)
        while at >= 0:
            line = bisect_right(self._starts, at)
            found.append(self._aors[line - 1])
            if len(found) > most:
                return None
            at = self._text.find(word, self._starts[line])
        return found


class Texts:
    """Of the rows by domain and AOR; `note` and `forget` are called with each change of them."""

    def __init__(self, rows: Mapping[str, Mapping[str, Row]]) -> None:
        self._rows = rows
        self._lines: dict[str, _Lines] = {}
        # By domain, how often a user came or went.
        self._changes: Counter[str] = Counter()
        # Of all rows so far, by identity: the objects are kept, so that it stays their own.
        self._facts: dict[int, Facts] = {}
        self._devices: dict[int, Devices] = {}

    def note(self, row: Row, domain: str, *, is_new: bool) -> None:
        """A row of a domain; `is_new`: its user was not there before."""
        self._facts[id(row.facts)] = row.facts
        self._devices[id(row.devices)] = row.devices
        if is_new:
            self.forget(domain)

    def forget(self, domain: str) -> None:
        """A user of a domain is gone."""
        self._lines.pop(domain, None)
        self._changes[domain] += 1

    async def having(
        self, words: Iterable[str], domains: Iterable[str], pause: Pause
    ) -> list[Row] | None:
        """All rows of the domains that may have every word, and few others; None: no way to
        find them but to go through all. A row that changes meanwhile may be an older one."""
        domains = list(domains)
        if max(len(self._facts), len(self._devices)) > _DISTINCT_MAX:
            return None
        for word in sorted(words, key=len, reverse=True):
            if self._is_elsewhere(word):
                continue
            if (found := await self._with(word, domains, pause)) is not None:
                return found
        return None

    async def _with(self, word: str, domains: list[str], pause: Pause) -> list[Row] | None:
        found: list[Row] = []
        for domain in domains:
            if domain not in self._lines:
                await self._make_lines(domain, pause)
            # Users that came or went while the lines were made are not in them.
            if (lines := self._lines.get(domain)) is None:
                return None
            aors = lines.having(word, _FOUND_MAX - len(found))
            if aors is None:
                return None
            found += [self._rows[domain][aor] for aor in aors]
            await pause()
        return found

    async def _make_lines(self, domain: str, pause: Pause) -> None:
        lines, changes = _Lines(), self._changes[domain]
        await lines.fill(list(self._rows.get(domain, {}).values()), pause)
        if self._changes[domain] == changes:
            self._lines[domain] = lines

    def _is_elsewhere(self, word: str) -> bool:
        """Whether a place or a device has the word: a user may be found by it."""
        places = (name for one in self._facts.values() for name in (*one.nodes, *one.edges))
        devices = (name for one in self._devices.values() for name in one)
        return any(word in name.lower() for name in (*places, *devices))
