"""From a JSON Web Token to an identity: signature, header, claims, and the scope they name (pure).

RFC 7519 and RFC 8725 (best current practice): the algorithms come from the settings, never from
the token; keys come from the issuer's set, never from a header; `iss`, `aud` and `exp` are needed.
"""

import math
import re
from base64 import b64decode
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from sinks.gateway.access.identity import Identity
from sinks.gateway.access.keys import Keys
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.access.strict_json import strict_object
from sinks.gateway.errors import BadQuery
from sinks.gateway.query import aor_in, domain_in

TOKEN_BYTES_MAX = 8_192
# All that joserfc has with a public key and without SHA-1; none and HS are not among them.
ALGORITHMS = frozenset(
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA", "Ed25519"}
_TYPES = (None, "jwt", "at+jwt", "application/jwt", "application/at+jwt")
# They name or hold a key: only an attacker needs one that is not the issuer's.
_KEY_HEADERS = ("jku", "jwk", "x5u", "x5c")
_NAMED_MAX = 10_000
_TIME_MAX = 10**12  # seconds since the epoch: more than any calendar has
_is_compact = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII).fullmatch
_is_printable = re.compile(r"[\x21-\x7e]{1,80}").fullmatch


class BadToken(Exception):
    """It is not accepted; the message gives the reason, for the log."""


class TokenExpired(BadToken):
    """It was valid before: its client needs a new one."""


class UnknownKey(BadToken):
    """No key of this id is known: the issuer may have a new one."""

    def __init__(self, kid: str | None) -> None:
        super().__init__("kid is none of the issuer's keys")
        self.kid = kid


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must have. `leeway`: seconds that the issuer's clock may be ahead."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    leeway: float = 5.0
    domains_claim: str = "domains"
    aors_claim: str = "aors"
    fields_claim: str = "fields"
    dial_claim: str = "dial"


class _Registry(JWSRegistry):
    max_header_length = 2_048
    max_payload_length = TOKEN_BYTES_MAX

    def get_alg(self, name: str) -> Any:
        """The algorithm; the caller has checked that it is allowed. joserfc would warn of EdDSA."""
        return self.algorithms[name]


_REGISTRY = _Registry(strict_check_header=False)


def identity_of(token: str, keys: Keys, rules: Rules, now: float) -> Identity:
    """Who holds the token. `now`: seconds since the epoch. Raises BadToken."""
    if len(token) > TOKEN_BYTES_MAX or not _is_compact(token):
        raise BadToken("no JWT in compact form")
    header = _header(token, rules.algorithms)
    claims = _json(_verified(token, header, keys), "payload")
    _check_claims(claims, rules, now)
    scope = Scope(
        frozenset(_canonical(claims, rules.aors_claim, aor_in)),
        frozenset(_canonical(claims, rules.domains_claim, domain_in)),
        frozenset(map(Part, _listed(claims, rules.fields_claim, set(Part)))),
        may_dial=claims.get(rules.dial_claim) is True,
    )
    if scope.is_empty:
        raise BadToken(f"it names nobody: no {rules.domains_claim}, no {rules.aors_claim}")
    return Identity(f"jwt:{_holder(claims)}", scope, float(claims["exp"]))


def _header(token: str, algorithms: Collection[str]) -> dict[str, Any]:
    encoded = token.partition(".")[0]
    try:
        raw = b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadToken("header: not base64url") from error
    header = _json(raw, "header")
    if str(header.get("alg")) not in algorithms:
        raise BadToken(f"alg {str(header.get('alg'))[:40]!r} is not in gateway.jwt.algorithms")
    if not isinstance(header.get("kid", ""), str):
        raise BadToken("kid is no text")
    typ = header.get("typ")
    if (typ.lower() if isinstance(typ, str) else typ) not in _TYPES:
        raise BadToken("typ is neither JWT nor at+jwt")
    for name in (*_KEY_HEADERS, "crit", "b64", "cty", "zip", "enc"):
        if name in header:
            raise BadToken(f"header {name} is not accepted")
    return header


def _verified(token: str, header: dict[str, Any], keys: Keys) -> bytes:
    """The payload, once its signature is verified."""
    kid = header.get("kid")
    if not keys.knows(kid):
        raise UnknownKey(kid)
    candidates = keys.candidates(kid, header["alg"])
    if not candidates:
        raise BadToken("no key of the issuer is for this alg")
    for key in candidates:
        try:
            payload = jws.deserialize_compact(token, key, registry=_REGISTRY).payload
        except (JoseError, ValueError, TypeError):
            continue
        if payload is not None:
            return payload
    raise BadToken("its signature is wrong")


def _check_claims(claims: dict[str, Any], rules: Rules, now: float) -> None:
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=math.ceil(rules.leeway),
        iss={"essential": True, "value": rules.issuer},
        aud={"essential": True, "value": rules.audience},
        exp={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError as error:
        raise TokenExpired("it has expired") from error
    except JoseError as error:
        raise BadToken(f"{error.error}: {error.description}"[:200]) from error
    if claims["exp"] > _TIME_MAX:
        raise BadToken("exp is too far away")
    # Without leeway: streams end at exp too.
    if now >= claims["exp"]:
        raise TokenExpired("it has expired")


def _canonical(
    claims: dict[str, Any], name: str, read: Callable[[str, str], str]
) -> Collection[str]:
    try:
        return {read(text, name) for text in _listed(claims, name)}
    except BadQuery as error:
        raise BadToken(f"{name}: {error}"[:200]) from error


def _listed(claims: dict[str, Any], name: str, known: Collection[str] | None = None) -> list[str]:
    """A claim that is a list of texts, empty where it is missing."""
    found = claims.get(name, [])
    if not isinstance(found, list) or len(found) > _NAMED_MAX:
        raise BadToken(f"{name} is no list, or too long")
    for one in found:
        if not isinstance(one, str) or (known is not None and one not in known):
            raise BadToken(f"{name} has an entry that is not known")
    return found


def _holder(claims: dict[str, Any]) -> str:
    """A name for logs and limits."""
    for name in ("sub", "client_id", "azp", "jti"):
        if isinstance(value := claims.get(name), str) and _is_printable(value):
            return value
    return "unnamed"


def _json(data: bytes, what: str) -> dict[str, Any]:
    try:
        return strict_object(data)
    except ValueError as error:
        raise BadToken(f"{what}: {error}"[:200]) from error
