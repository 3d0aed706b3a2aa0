"""What a client may see: users within its scope, requests narrowed to it."""

import pytest

from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import EVERYTHING, Scope
from sinks.gateway.errors import Forbidden
from sinks.gateway.message import EXPIRED
from sinks.gateway.subscriber import Watch

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"
SOME = Scope(frozenset({EVE}), frozenset({"one.test"}))


def watch(*aors: str, domains: tuple[str, ...] = ()) -> Watch:
    return Watch(frozenset(aors), frozenset(domains))


def test_a_scope_allows_its_users_and_everybody_of_its_domains() -> None:
    assert SOME.allows(ANN)
    assert SOME.allows(EVE)
    assert not SOME.allows("sip:max@two.test")
    assert not SOME.allows("sip:ann@sub.one.test")
    assert not SOME.allows("sip:one.test@three.test")
    assert SOME.allows_domain("one.test")
    assert not SOME.allows_domain("two.test")
    assert EVERYTHING.allows(ANN)
    assert EVERYTHING.allows_domain("two.test")


def test_everybody_is_everybody_within_the_scope() -> None:
    assert SOME.narrowed(watch()) == watch(EVE, domains=("one.test",))
    assert EVERYTHING.narrowed(watch()) == watch()
    assert SOME.narrowed(watch(ANN, EVE)) == watch(ANN, EVE)


@pytest.mark.parametrize(
    ("scope", "asked", "field"),
    [
        (SOME, watch(ANN, "sip:max@two.test"), "aor"),
        (SOME, watch(domains=("two.test",)), "domain"),
        (SOME, watch(domains=("one.test", "sub.one.test")), "domain"),
        (Scope(frozenset({ANN})), watch(domains=("one.test",)), "domain"),
        (Scope(), watch(), None),
        (Scope(), watch(ANN), "aor"),
    ],
)
def test_a_request_for_others_is_refused_by_its_field(
    scope: Scope, asked: Watch, field: str | None
) -> None:
    with pytest.raises(Forbidden) as caught:
        scope.narrowed(asked)
    assert (caught.value.status, caught.value.field) == (403, field)


def test_only_a_scope_without_all_parts_redacts() -> None:
    assert SOME.redact(EXPIRED) is EXPIRED
    assert Scope(parts=frozenset({Part.PEER})).grants(Part.PEER)
    assert not SOME.grants(Part.CONTACT)
