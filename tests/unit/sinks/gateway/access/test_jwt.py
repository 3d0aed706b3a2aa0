"""Tokens of an issuer: what the valid ones show, and that no hostile one is accepted."""

import json
import time
from typing import Any

import pytest

from sinks.gateway.access.jwt import (
    BadToken,
    Rules,
    TokenExpired,
    UnknownKey,
    identity_of,
)
from sinks.gateway.access.keys import keys_in
from sinks.gateway.access.redaction import Part
from tests.hostile_tokens import HOSTILE
from tests.tokens import AUDIENCE, ISSUER, Issuer, b64

RULES = Rules(ISSUER, AUDIENCE, frozenset({"RS256", "ES256", "EdDSA", "Ed25519"}))
ES = Issuer("ES256")
KEYS = keys_in(ES.jwks())


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("form", ["jwks", "pem"])
def test_a_token_shows_what_it_names(algorithm: str, form: str) -> None:
    issuer = Issuer(algorithm)
    token = issuer.token(
        domains=["One.test", "[2001:DB8::1]"],
        aors=["sip:Ann@Two.test:5060"],
        fields=["contact", "peer"],
        exp=2_000_000_000,
    )
    found = identity_of(token, keys_in(getattr(issuer, form)()), RULES, time.time())
    assert found.client == "jwt:ann"
    assert found.expires_at == 2_000_000_000
    assert found.scope.domains == {"one.test", "[2001:db8::1]"}
    assert found.scope.aors == {"sip:Ann@two.test"}
    assert found.scope.parts == {Part.CONTACT, Part.PEER}
    assert not found.scope.everybody


def test_there_are_a_hundred_kinds_of_hostile_tokens() -> None:
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_hostile_token_is_accepted(kind: str) -> None:
    token = HOSTILE[kind](ES)
    with pytest.raises(BadToken) as caught:
        identity_of(token, KEYS, RULES, time.time())
    assert len(str(caught.value)) <= 250
    identity_of(ES.token(), KEYS, RULES, time.time())


@pytest.mark.parametrize(
    "header",
    [{"typ": None}, {"typ": "at+jwt"}, {"typ": "JWT"}, {"kid": None}, {"x5t": "AAAA", "own": [1]}],
)
def test_headers_of_well_known_issuers_are_accepted(header: dict[str, Any]) -> None:
    assert identity_of(ES.token(header), KEYS, RULES, time.time()).client == "jwt:ann"


@pytest.mark.parametrize(
    ("claims", "client"),
    [
        ({"aud": ["billing", AUDIENCE]}, "jwt:ann"),
        ({"nbf": +3}, "jwt:ann"),
        ({"exp": +60.5}, "jwt:ann"),
        ({"sub": None, "client_id": "board"}, "jwt:board"),
        ({"sub": "a\r\nb", "jti": "7"}, "jwt:7"),
        ({"sub": "x" * 200}, "jwt:unnamed"),
    ],
)
def test_claims_that_are_allowed(claims: dict[str, Any], client: str) -> None:
    """Times are seconds from now."""
    now = time.time()
    times = {name: now + claims[name] for name in ("nbf", "exp") if name in claims}
    assert identity_of(ES.token(**claims | times), KEYS, RULES, now).client == client


def test_a_token_ends_at_exp_without_leeway() -> None:
    token = ES.token(exp=5_000, iat=4_000)
    identity_of(token, KEYS, RULES, 4_999.99)
    with pytest.raises(TokenExpired):
        identity_of(token, KEYS, RULES, 5_000.0)


def test_a_key_id_that_is_not_known_may_be_new() -> None:
    with pytest.raises(UnknownKey) as caught:
        identity_of(Issuer(kid="key-2").token(), KEYS, RULES, time.time())
    assert caught.value.kid == "key-2"


def test_algorithms_are_those_of_the_settings() -> None:
    only_rs = Rules(ISSUER, AUDIENCE, frozenset({"RS256"}))
    with pytest.raises(BadToken, match="ES256"):
        identity_of(ES.token(), KEYS, only_rs, time.time())


def test_claims_have_the_names_of_the_settings() -> None:
    rules = Rules(
        ISSUER, AUDIENCE, RULES.algorithms, domains_claim="https://x.test/d", fields_claim="f"
    )
    claims: dict[str, Any] = {"https://x.test/d": ["two.test"], "f": ["address"], "domains": ["*"]}
    token = ES.token(**claims)
    scope = identity_of(token, KEYS, rules, time.time()).scope
    assert scope.domains == {"two.test"}
    assert scope.parts == {Part.ADDRESS}


def test_a_token_without_kid_is_tried_with_each_key() -> None:
    other = Issuer(kid="key-2")
    both = keys_in(ES.jwks(other))
    for issuer in (ES, other):
        token = issuer.token({"kid": None})
        assert identity_of(token, both, RULES, time.time()).client == "jwt:ann"


def test_the_token_is_not_in_the_reason() -> None:
    token = ES.token()
    head, payload, _ = token.split(".")
    with pytest.raises(BadToken) as caught:
        identity_of(f"{head}.{payload}.{b64(bytes(64))}", KEYS, RULES, time.time())
    assert payload not in str(caught.value)
    assert json.loads(ES.jwks())["keys"][0]["x"] not in str(caught.value)
