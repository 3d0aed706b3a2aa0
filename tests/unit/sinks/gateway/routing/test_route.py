"""Routes: the order of bindings, the forms of each, and what stands in none of them unescaped."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.presence import Presence, PresenceBinding
from schemas.sip_uri import aor_of, canonical_aor, parse_uri
from sinks.gateway.routing import dial_string
from sinks.gateway.routing.addresses import Addresses, NextHop, next_hop_in
from sinks.gateway.routing.route import Routing, routing_of
from tests.user_center import AT, presence

BOB = "sip:bob@one.test"
ADDRESSES = Addresses(
    {
        "fs1": NextHop("sip:10.0.0.1:5060"),
        "fs2": NextHop("sip:10.0.0.2:5062;transport=tcp"),
        "fs2/lan": NextHop("sip:10.9.0.2"),
    }
)


def binding(node: str, age: int = 0, **values: Any) -> PresenceBinding:
    since = AT - timedelta(seconds=age)
    return PresenceBinding(node=node, contact="sip:bob@192.0.2.1", since=since, **values)


def routed(*bindings: PresenceBinding, aor: str = BOB, **options: Any) -> Routing:
    record = presence(aor, 1)
    record.bindings = list(bindings)
    return routing_of(record, ADDRESSES, **{"profile": "internal", **options})


def test_the_best_bindings_come_first_and_only_they_are_dialled() -> None:
    found = routed(
        binding("both", suspect=True, stale=True),
        binding("suspect", suspect=True),
        binding("stale", stale=True),
        binding("fs1", age=9),
        binding("fs2", age=1),
        binding("fs1", age=20),
    )
    nodes = [route.node for route in found.routes]
    assert nodes == ["fs2", "fs1", "fs1", "stale", "suspect", "both"]
    assert found.dial_string == (
        "sofia/internal/sip:bob@one.test;fs_path=sip%3A10.0.0.2%3A5062%3Btransport%3Dtcp,"
        "sofia/internal/sip:bob@one.test;fs_path=sip%3A10.0.0.1%3A5060"
    ), "each node once"
    only_stale = routed(binding("old", stale=True), binding("dying", suspect=True))
    assert only_stale.dial_string == "sofia/internal/sip:bob@one.test;fs_path=sip%3Aold"


def test_each_route_has_the_forms_of_every_server() -> None:
    found = routed(binding("fs2", edge="edge1", path="<sip:edge1;lr>", registrar="wan"))
    (route,) = found.routes
    assert (route.edge, route.path, route.uri) == ("edge1", "<sip:edge1;lr>", BOB)
    assert route.next_hop == "sip:10.0.0.2:5062;transport=tcp"
    assert route.route == "<sip:10.0.0.2:5062;transport=tcp;lr>"
    (of_registrar,) = routed(binding("fs2", registrar="lan"), profile="out").routes
    assert of_registrar.next_hop == "sip:10.9.0.2"
    assert of_registrar.dial_string == "sofia/out/sip:bob@one.test;fs_path=sip%3A10.9.0.2"


def test_the_asking_node_dials_its_own_users_itself() -> None:
    found = routed(
        binding("fs1"), binding("fs2", age=5), binding("dead", suspect=True), asking="fs2"
    )
    assert [(route.node, route.is_local) for route in found.routes] == [
        ("fs2", True),
        ("fs1", False),
        ("dead", False),
    ]
    assert found.routes[0].next_hop is None
    assert found.dial_string == (
        "user/bob@one.test,sofia/internal/sip:bob@one.test;fs_path=sip%3A10.0.0.1%3A5060"
    )
    odd = routed(binding("fs2"), aor="sip:b%2Cob@one.test", asking="fs2")
    assert odd.dial_string is None


def test_a_node_without_an_address_has_no_forms() -> None:
    found = routed(binding("no host"), binding("fs1", suspect=True))
    assert found.routes[0].dial_string is None
    assert found.routes[0].route is None
    assert found.dial_string is not None, "the best that can be dialled"
    assert routed(binding("no_host")).dial_string is None
    assert routed(binding("FS9.Example.test")).routes[0].next_hop == "sip:fs9.example.test"


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("10.0.0.1", "sip:10.0.0.1"),
        ("SIP:FS1.example.test:5080;Transport=TCP", "sip:fs1.example.test:5080;transport=tcp"),
        ("sips:[2001:db8::1]", "sips:[2001:db8::1]"),
    ],
)
def test_a_nodes_address_is_a_uri_without_a_user(text: str, uri: str) -> None:
    assert next_hop_in(text).uri == uri


@pytest.mark.parametrize(
    "text",
    ["", "a b", "sip:x@host", "host;lr", "host;transport=smoke", "host?x=1", "host:0", "h,i"],
)
def test_what_is_no_address_of_a_node_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        next_hop_in(text)


# What originate, the dialplan and mod_sofia take for their own.
_SPECIAL = re.compile(r"[,|{}\[\]<>$^'\"\\\s~!&;=?#/():]")
_HOSTILE = (
    "a,sofia/x/y@z",
    "a|b",
    "{x=y}a",
    "[x=y]a",
    "${system(reboot)}",
    "$${x}",
    "a;fs_path=sip:evil",
    "a:_:b",
    "^^:a",
    "a^sip:b@c",
    "~'a'",
    "a\r\nX: y",
    "a%24%7Bx%7D",
)


@given(st.text(min_size=1, max_size=40) | st.sampled_from(_HOSTILE))
def test_nothing_a_caller_writes_is_read_by_freeswitch(user: str) -> None:
    try:
        aor = canonical_aor(user, "one.test")
    except ValueError:
        return
    hostile = "sip:bob@1.2.3.4:5060;x=${system(x)},{a=b}|[c=d]"
    record: Presence = presence(aor, 1)
    record.bindings = [
        PresenceBinding(node="fs1", contact=hostile, path=hostile, user_agent=hostile, since=AT)
    ]
    dial = routing_of(record, ADDRESSES, profile="internal").dial_string or ""
    head, tail = "sofia/internal/sip:", "@one.test;fs_path=sip%3A10.0.0.1%3A5060"
    assert dial.startswith(head)
    assert dial.endswith(tail)
    written = dial.removeprefix(head).removesuffix(tail)
    assert not _SPECIAL.search(written)
    assert "@" not in written
    assert aor_of(f"sip:{written}@one.test") == aor, "the node reads the same user"
    own = dial_string.local(aor)
    assert own is None or not _SPECIAL.search(own.removeprefix("user/"))
    assert parse_uri(routing_of(record, ADDRESSES, profile="x").routes[0].uri)
