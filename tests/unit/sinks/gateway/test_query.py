"""Which users a request names: query fields, AORs and domains."""

import pytest

from sinks.gateway.cursor import Cursor, epoch_of
from sinks.gateway.errors import BadQuery
from sinks.gateway.query import cursor_of, domain_in, fields_in, watch_of
from sinks.gateway.subscriber import Watch

ANN, BOB = "sip:ann@one.test", "sip:bob@one.test"


@pytest.mark.parametrize(
    ("query", "aors", "domains"),
    [
        (b"", [], []),
        (b"aor=sip:ann@one.test", [ANN], []),
        (b"aor=sip%3Aann%40ONE.test%3A5060&aor=sips:bob@one.test;transport=tcp", [ANN, BOB], []),
        (b"aor=sip:+4930@one.test&", ["sip:+4930@one.test"], []),
        (b"domain=ONE.test&domain=two.test", [], ["one.test", "two.test"]),
        (b"domain=[2001:DB8:0:0::1]:5060", [], ["[2001:db8::1]"]),
        (b"domain=one.test&aor=sip:ann@one.test", [ANN], ["one.test"]),
    ],
)
def test_queries(query: bytes, aors: list[str], domains: list[str]) -> None:
    assert watch_of(fields_in(query)) == Watch(frozenset(aors), frozenset(domains))


def test_the_values_of_a_field_are_in_order_and_a_plus_stays_one() -> None:
    query = b"aor=sip:+1@x&&fields=a%2Cb&aor=sip%3A2%40x&cursor=&=y&%61or=z"
    assert fields_in(query) == {
        "aor": ["sip:+1@x", "sip:2@x", "z"],
        "fields": ["a,b"],
        "cursor": [""],
        "": ["y"],
    }
    for query, field in ((b"x=%ff", "x"), (b"%ff=x", "query"), (b"x=\xe4", "x")):
        with pytest.raises(BadQuery) as caught:
            fields_in(query)
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (b"aor=", "aor"),
        (b"aor=ann@one.test", "aor"),
        (b"aor=sip:one.test", "aor"),
        (b"aor=sip:ann@one.test&aor=sip:a%20b@one.test", "aor"),
        (b"aor=sip:a%ff@one.test", "aor"),
        (b"aor=sip:\xc3\xa4@one.test", "aor"),
        (b"domain=", "domain"),
        (b"domain=a@b", "domain"),
        (b"domain=one.test;x=y", "domain"),
        (b"domain=one test", "domain"),
        (b"aors=sip:ann@one.test", "aors"),
        (b"Aor=sip:ann@one.test", "Aor"),
        (b"only=online", "only"),
        (b"watch=", "watch"),
    ],
)
def test_bad_queries_name_the_field(query: bytes, field: str) -> None:
    with pytest.raises(BadQuery) as caught:
        watch_of(fields_in(query))
    assert caught.value.field == field


def test_a_query_narrows_to_named_or_reachable_users() -> None:
    assert watch_of(fields_in(b"watch=named")) == Watch(only_named=True)
    assert not watch_of(fields_in(b"watch=named")).everybody
    assert watch_of(fields_in(b"only=reachable&domain=one.test")).only_reachable
    with pytest.raises(BadQuery) as caught:
        watch_of(fields_in(b"aor=sip:ann@one.test&aor=sip:bob@one.test"), 1)
    assert caught.value.field == "aor"


def test_the_last_event_id_counts_more_than_the_query() -> None:
    """A browser that reconnects sends the address of the page again, with an old cursor."""
    old, new = (Cursor(epoch_of("t"), 1, (n,)) for n in (1, 2))
    query = f"domain=one.test&cursor={old.encode()}".encode()
    assert cursor_of(fields_in(query), {}) == old
    assert cursor_of(fields_in(query), {"last-event-id": new.encode()}) == new
    assert cursor_of(fields_in(query), {"last-event-id": "sip:ann@one.test/7"}) is None
    assert cursor_of(fields_in(b"cursor="), {}) is cursor_of(fields_in(b""), {}) is None
    assert "cursor" in fields_in(b"cursor=")
    with pytest.raises(BadQuery):
        cursor_of(fields_in(b"cursor=no"), {})


def test_domains_are_as_aors_have_them() -> None:
    assert domain_in("Sip.Example.TEST") == "sip.example.test"
