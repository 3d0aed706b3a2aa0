"""Who watches whom: the index against a plain set of pairs."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.gateway.subscriber import Subscriber, Watch
from sinks.gateway.watchers import Watchers

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"
AORS = (ANN, BOB, EVE)
WATCHES = st.builds(
    Watch,
    aors=st.frozensets(st.sampled_from(AORS)),
    domains=st.frozensets(st.sampled_from(("one.test", "two.test"))),
)


def subscriber(watch: Watch) -> Subscriber:
    return Subscriber(watch, lambda: None)


@given(st.lists(WATCHES, max_size=6), st.data())
def test_each_user_has_its_watchers_while_they_come_and_go(
    watches: list[Watch], data: st.DataObject
) -> None:
    watchers, there = Watchers(), [subscriber(watch) for watch in watches]
    for one in there:
        watchers.add(one)
    for gone in data.draw(st.permutations(there)):
        for aor in AORS:
            expected = [
                one
                for one in there
                if one.watch.everybody or aor in one.watch.aors or one.watch.has_in_group(aor)
            ]
            found = list(watchers.of(aor))
            assert len(found) == len(expected)
            assert set(map(id, found)) == set(map(id, expected))
        watchers.remove(gone)
        there.remove(gone)
    assert watchers.is_empty


def test_the_domains_that_nobody_watches_any_more_are_named() -> None:
    watchers, watch = Watchers(), Watch(domains=frozenset({"one.test"}))
    first, second = subscriber(watch), subscriber(watch)
    for one in (first, second):
        watchers.add(one)
    assert watchers.remove(first) == []
    assert watchers.remove(second) == ["one.test"]
    assert watchers.remove(second) == []


def test_a_user_that_is_watched_no_more_has_its_other_watchers() -> None:
    watchers, both = Watchers(), Watch(aors=frozenset({ANN, BOB}))
    first, second = subscriber(both), subscriber(both)
    for one in (first, second):
        watchers.add(one)
    watchers.change(first, [EVE], [ANN])
    assert (list(watchers.of(ANN)), list(watchers.of(EVE))) == ([second], [first])
    assert list(watchers.of(BOB)) == [first, second]
    watchers.change(second, [], [ANN])
    assert list(watchers.of(ANN)) == []
    assert watchers.named == 3
