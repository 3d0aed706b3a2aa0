"""Lists and counts of users: right after any changes, in order, without users in between."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Status
from sinks.gateway.facts import Facts
from sinks.gateway.lookup.directory import Directory, Filter
from sinks.gateway.lookup.shelf import Shelf
from sinks.gateway.message import Message, domain_of

AORS = [f"sip:{user}@{domain}" for user in "abcd" for domain in ("one.test", "two.test", "z.test")]
FACTS = [
    Facts(Status.ONLINE, True, ("n1",)),
    Facts(Status.ONLINE, True, ("n1", "n2")),
    Facts(Status.HELD, True, ("n2",)),
    Facts(Status.OFFLINE, False, ()),
]
FILTERS = [
    Filter(),
    Filter(statuses=frozenset({Status.ONLINE})),
    Filter(reachable=False),
    Filter(nodes=frozenset({"n2"})),
    Filter(nodes=frozenset({"n1", "n2"}), statuses=frozenset({Status.ONLINE, Status.HELD})),
]
changes = st.lists(st.tuples(st.sampled_from(AORS), st.sampled_from([*FACTS, None])), max_size=60)


def message(aor: str, facts: Facts) -> Message:
    return Message(aor, 1, b"", 0.0, 0, facts)


@settings(max_examples=200, deadline=None)
@given(changes, changes, st.sampled_from(FILTERS), st.sampled_from([None, *AORS]))
def test_after_any_changes_lists_and_counts_are_of_the_users_now(
    first: list[tuple[str, Facts | None]],
    later: list[tuple[str, Facts | None]],
    wanted: Filter,
    after: str | None,
) -> None:
    users = {aor: facts for aor, facts in first if facts is not None}
    directory = Directory()
    directory.build(message(aor, facts) for aor, facts in users.items())
    for aor, facts in later:
        old = users.pop(aor, None)
        if facts is not None:
            users[aor] = facts
        directory.change(message(aor, old) if old else None, message(aor, facts) if facts else None)
    order = sorted(users, key=lambda aor: (domain_of(aor), aor))
    for domains in (None, {"one.test"}, {"z.test", "one.test", "none.test"}):
        listed = list(directory.users(domains, wanted, after))
        assert listed == [
            aor
            for aor in order
            if (domains is None or domain_of(aor) in domains)
            and wanted.has_facts(users[aor])
            and (after is None or (domain_of(aor), aor) > (domain_of(after), after))
        ]
        inside = [aor for aor in users if domains is None or domain_of(aor) in domains]
        assert directory.counts(domains) == Counter(users[aor] for aor in inside)


def test_a_long_shelf_stays_in_order() -> None:
    names = [f"sip:{number:05}@x.test" for number in range(12_000)]
    shelf = Shelf(names[:4_000:2])
    for name in names[4_000:]:
        shelf.add(name)
    for name in (*names[5_000:12_000:2], "sip:nobody@x.test"):
        shelf.discard(name)
    left = [*names[:4_000:2], *names[4_000:5_000], *names[5_001:12_000:2]]
    assert list(shelf.after("")) == left
    assert len(shelf) == len(left)
    assert next(shelf.after(left[70])) == left[71]
