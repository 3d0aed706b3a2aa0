"""What strangers send as tokens, what an issuer answers as keys, and what asks for tickets."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from sinks.gateway.access.credentials import credential_in
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.jwt import BadToken, Rules, identity_of
from sinks.gateway.access.keys import BadKeys, keys_in
from sinks.gateway.access.redaction import ALL_PARTS
from sinks.gateway.access.scope import Scope
from sinks.gateway.access.ticket_request import asked_of
from sinks.gateway.errors import BadQuery, Forbidden, NotAllowed
from sinks.gateway.limits.proxies import Proxies
from tests.fuzz.hostile import fuzzed, mutated, odd_json, texts
from tests.tokens import AUDIENCE, ISSUER, Issuer

NOW = 1_800_000_000
SIGNER = Issuer("EdDSA")
KEYS = keys_in(SIGNER.jwks())
RULES = Rules(ISSUER, AUDIENCE, frozenset({"EdDSA"}))
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60, "domains": ["one.test"]}
TOKEN = SIGNER.signed(json.dumps(SIGNER.header()).encode(), json.dumps(CLAIMS).encode())
VALID = identity_of(TOKEN, KEYS, RULES, NOW)


@fuzzed(300)
@given(mutated([TOKEN.encode()]) | st.binary(max_size=200))
def test_no_changed_token_shows_anything_else(token: bytes) -> None:
    # Bits of base64 that no reader looks at may differ.
    with contextlib.suppress(BadToken):
        assert identity_of(token.decode("latin-1"), KEYS, RULES, NOW) == VALID


@fuzzed(300)
@given(odd_json([CLAIMS]), odd_json([SIGNER.header()]) | st.none())
def test_any_signed_claims_are_a_scope_or_refused(payload: bytes, header: bytes | None) -> None:
    head = json.dumps(SIGNER.header()).encode() if header is None else header
    try:
        found = identity_of(SIGNER.signed(head, payload), KEYS, RULES, NOW)
    except BadToken:
        return
    assert found.expires_at is not None
    assert found.expires_at > NOW
    assert not found.scope.everybody
    assert not found.scope.is_empty


@fuzzed(200)
@given(mutated([SIGNER.jwks(), SIGNER.pem()]) | odd_json([json.loads(SIGNER.jwks())]))
def test_any_bytes_are_public_keys_or_bad(data: bytes) -> None:
    try:
        keys = keys_in(data)
    except BadKeys:
        return
    assert len(keys) > 0
    assert not keys.candidates(None, "HS256")


@fuzzed(200)
@given(odd_json([{"aors": ["sip:ann@one.test"], "domains": ["one.test"], "fields": ["contact"]}]))
def test_no_body_makes_a_ticket_that_shows_more(body: bytes) -> None:
    own = Identity("x", Scope(domains=frozenset({"one.test"}), parts=ALL_PARTS))
    with contextlib.suppress(BadQuery, Forbidden):
        scope = asked_of(own, body).scope
        assert not scope.everybody
        assert scope.domains <= {"one.test"}
        assert all(aor.endswith("@one.test") for aor in scope.aors)


@fuzzed(200)
@given(texts(), texts(), texts())
def test_any_headers_are_a_credential_or_refused(one: str, two: str, cookie: str) -> None:
    raw = [
        (name, text.encode("latin-1", "replace"))
        for name, text in ((b"authorization", one), (b"cookie", cookie), (b"cookie", two))
    ]
    for headers in (Headers(raw=raw), Headers(raw=raw[1:])):
        with contextlib.suppress(NotAllowed):
            credential_in(headers, "__Secure-t")


@fuzzed(200)
@given(texts(), st.lists(texts(), max_size=4))
def test_only_addresses_are_believed_of_a_proxy(peer: str, forwarded: list[str]) -> None:
    proxies = Proxies(["127.0.0.1"])
    assert proxies.client(peer, forwarded) == peer or peer == "127.0.0.1"
    found = proxies.client("127.0.0.1", forwarded)
    assert len(found) < 60


def test_the_token_that_is_changed_is_valid() -> None:
    assert VALID.scope.domains == {"one.test"}
    with pytest.raises(BadToken):
        identity_of(TOKEN, KEYS, RULES, NOW + 60)
