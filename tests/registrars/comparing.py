"""The registrar's table against presence, for one script. Pure.

Equal means: of each AOR the same contacts, as multisets of text, and the user reachable exactly
where there is one. A contact whose connection has ended is not to be shown, though a registrar may
list it until it expires.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from producers.stored_contact import read_stored
from schemas.presence import Presence
from schemas.sip_uri import MalformedUri, stored_aor
from tests.registrars.table import Row


@dataclass(slots=True)
class Difference:
    """What one side has and the other has not; empty: they agree."""

    lines: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # contacts that no record can hold

    def __bool__(self) -> bool:
        return bool(self.lines)


def compare(
    rows: Iterable[Row],
    shown: Iterable[Presence],
    is_dead: Callable[[Row], bool],
    *,
    counts_rows: bool = True,
) -> Difference:
    """`is_dead`: whether the connection of a row has ended. Unless `counts_rows` it does not matter
    how often one URI is listed."""
    difference = Difference()
    expected: dict[str, Counter[str]] = {}
    for row in rows:
        try:
            aor, contact = stored_aor(row.aor), read_stored(row.contact).uri
        except MalformedUri as error:
            difference.unreadable.append(f"{row.aor} {row.contact}: {error}")
            continue
        if not is_dead(row):
            expected.setdefault(aor, Counter())[contact] += 1
    got = {presence.aor: presence for presence in shown}
    for aor in sorted(expected.keys() | got.keys()):
        listed, presence = expected.get(aor, Counter()), got.get(aor)
        contacts = Counter(one.contact for one in presence.bindings) if presence else Counter()
        if not counts_rows:
            listed, contacts = Counter(set(listed)), Counter(set(contacts))
        reachable = presence is not None and presence.reachable
        _compare_user(aor, listed, contacts, difference.lines, reachable=reachable)
    return difference


def _compare_user(
    aor: str, expected: Counter[str], shown: Counter[str], lines: list[str], *, reachable: bool
) -> None:
    lines += [f"{aor} not shown: {contact}" for contact in (expected - shown).elements()]
    lines += [f"{aor} shown, not listed: {contact}" for contact in (shown - expected).elements()]
    if reachable != bool(expected):
        lines.append(f"{aor} is {'' if reachable else 'not '}reachable")
