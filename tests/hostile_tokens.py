"""Tokens that no gateway may accept: a hundred kinds, each named, each made by an attacker or by a
careless issuer. Those of the second kind are signed with the right key."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from joserfc.jwk import ECKey

from tests.tokens import AUDIENCE, ISSUER, Issuer, b64

Make = Callable[[Issuer], str]


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _raw(issuer: Issuer) -> bytes:
    return _dump(issuer.claims())


def _hmac(issuer: Issuer, secret: bytes, algorithm: str = "HS256", **header: Any) -> str:
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    text = f"{b64(_dump(issuer.header(alg=algorithm, **header)))}.{b64(_raw(issuer))}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), digest).digest())}"


def _unsigned(issuer: Issuer, alg: Any, signature: str = "") -> str:
    return f"{b64(_dump(issuer.header(alg=alg)))}.{b64(_raw(issuer))}.{signature}"


def _claims(**changes: Any) -> Make:
    return lambda issuer: issuer.token(**changes)


def _header(**changes: Any) -> Make:
    return lambda issuer: issuer.token(changes)


def _payload(change: Callable[[bytes], bytes]) -> Make:
    """The payload's text is changed, then signed with the right key."""
    return lambda issuer: issuer.signed(_dump(issuer.header()), change(_raw(issuer)))


def _head(change: Callable[[bytes], bytes]) -> Make:
    return lambda issuer: issuer.signed(change(_dump(issuer.header())), _raw(issuer))


def _text(change: Callable[[str], str]) -> Make:
    """The signed token is changed."""
    return lambda issuer: change(issuer.token())


def _strangers(header: dict[str, Any] | None = None) -> Make:
    """Signed with a key of the attacker's own, of the same id."""

    def make(issuer: Issuer) -> str:
        other = Issuer(issuer.algorithm, issuer.kid)
        own = {
            name: (other.key.as_dict(private=False) if value == "KEY" else value)
            for name, value in (header or {}).items()
        }
        return other.token(own)

    return make


def _flipped(issuer: Issuer) -> str:
    head, payload, signature = issuer.token().split(".")
    return f"{head}.{payload}.{('B' if signature[0] == 'A' else 'A')}{signature[1:]}"


def _other_payload(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{b64(_dump(issuer.claims(domains=['two.test'])))}.{signature}"


def _two_signatures(issuer: Issuer) -> str:
    first, second = issuer.token(), issuer.token(domains=["two.test"])
    return ".".join([*first.split(".")[:2], second.split(".")[2]])


def _now() -> int:
    return int(time.time())


HOSTILE: dict[str, Make] = {
    # -- signatures --------------------------------------------------------------------------------
    "alg none": lambda issuer: _unsigned(issuer, "none"),
    "alg None": lambda issuer: _unsigned(issuer, "None"),
    "alg NONE": lambda issuer: _unsigned(issuer, "NONE"),
    "alg nOnE with a signature": lambda issuer: _unsigned(issuer, "nOnE", "AAAA"),
    "alg empty": lambda issuer: _unsigned(issuer, ""),
    "alg missing": lambda issuer: _unsigned(issuer, None),
    "alg null, signed": _head(lambda head: head.replace(b'"ES256"', b"null")),
    "alg a list": _head(lambda head: head.replace(b'"ES256"', b'["ES256"]')),
    "alg an object": _head(lambda head: head.replace(b'"ES256"', b'{"a":"ES256"}')),
    "alg a number": _header(alg=256),
    "alg in lower case": _header(alg="es256"),
    "alg with a blank": _header(alg="ES256 "),
    "alg of another key": _header(alg="RS256"),
    "alg of another curve": _header(alg="ES384"),
    "alg not allowed": _header(alg="PS256"),
    "alg ES256K": _header(alg="ES256K"),
    "HS256 with the public key as PEM": lambda issuer: _hmac(issuer, issuer.pem()),
    "HS256 with the PEM without its line end": lambda i: _hmac(i, i.pem().strip()),
    "HS256 with the public key as JWK": lambda i: _hmac(i, _dump(i.key.as_dict(private=False))),
    "HS256 with the JWK Set": lambda issuer: _hmac(issuer, issuer.jwks()),
    "HS384 with the public key": lambda issuer: _hmac(issuer, issuer.pem(), "HS384"),
    "HS512 with the public key": lambda issuer: _hmac(issuer, issuer.pem(), "HS512"),
    "HS256 with an empty key": lambda issuer: _hmac(issuer, b""),
    "HS256 without kid": lambda issuer: _hmac(issuer, issuer.pem(), kid=None),
    "no signature": _text(lambda token: token.rpartition(".")[0] + "."),
    "no third part": _text(lambda token: token.rpartition(".")[0]),
    "a flipped bit in the signature": _flipped,
    "another payload": _other_payload,
    "another token's signature": _two_signatures,
    "half the signature": _text(lambda token: token[:-43]),
    "a signature of zeros": lambda issuer: _unsigned(issuer, "ES256", b64(bytes(64))),
    "a signature in DER": lambda issuer: _unsigned(issuer, "ES256", b64(b"0E\x02 " + bytes(66))),
    "a huge signature": lambda issuer: _unsigned(issuer, "ES256", "A" * 6000),
    "a stranger's key with the same kid": _strangers(),
    "a stranger's key without kid": _strangers({"kid": None}),
    "the key itself in jwk": _strangers({"jwk": "KEY"}),
    "its key's address in jku": _strangers({"jku": "https://evil.test/jwks"}),
    "its certificate's address in x5u": _strangers({"x5u": "https://evil.test/c.pem"}),
    "its certificate in x5c": _strangers({"x5c": ["MIIB"]}),
    "a local file in jku": _strangers({"jku": "file:///etc/passwd"}),
    "jku with the right signature": _header(jku="https://issuer.test/jwks"),
    "x5u with the right signature": _header(x5u="https://issuer.test/c.pem"),
    # -- headers -----------------------------------------------------------------------------------
    "kid of no key": _header(kid="key-2"),
    "kid empty": _header(kid=""),
    "kid a path": _header(kid="../../../../dev/null"),
    "kid SQL": _header(kid="x' UNION SELECT 'secret';--"),
    "kid a number": _header(kid=1),
    "kid a list": _header(kid=["key-1"]),
    "kid an object": _header(kid={"a": 1}),
    "kid of 1,500 characters": _header(kid="k" * 1500),
    "kid with NUL": _header(kid="key-1\0"),
    "crit of an unknown extension": _header(crit=["exp"], exp=9),
    "crit empty": _header(crit=[]),
    "b64 false": _header(b64=False, crit=["b64"]),
    "zip": _header(zip="DEF"),
    "cty JWT: nested": lambda i: i.signed(_dump(i.header(cty="JWT")), i.token().encode()),
    "nested without cty": lambda i: i.signed(_dump(i.header()), i.token().encode()),
    "typ of a logout token": _header(typ="logout+jwt"),
    "typ of an event": _header(typ="secevent+jwt"),
    "typ of a proof": _header(typ="dpop+jwt"),
    "typ a number": _header(typ=1),
    "alg twice": _head(lambda head: head.replace(b"{", b'{"alg":"none",', 1)),
    "kid twice": _head(lambda head: head.replace(b"{", b'{"kid":"key-2",', 1)),
    "header a list": _head(lambda head: b"[" + head + b"]"),
    "header a text": _head(lambda head: json.dumps(head.decode()).encode()),
    "header no JSON": _head(lambda head: head[:-1]),
    "header not UTF-8": _head(lambda head: head.replace(b"JWT", b"\xff\xfe")),
    "header in UTF-16": _head(lambda head: head.decode().encode("utf-16")),
    "header of 3 kB": _header(x="y" * 3000),
    "header nested too deep": _head(lambda head: head[:-1] + b',"x":' + b"[" * 2500 + b"}"),
    # -- encoding ----------------------------------------------------------------------------------
    "empty": lambda _: "",
    "dots only": lambda _: "..",
    "four parts": _text(lambda token: token + ".AAAA"),
    "five parts, as JWE": _text(lambda token: ".".join([token, "AAAA", "AAAA"])),
    "two tokens": _text(lambda token: f"{token},{token}"),
    "standard base64": _text(lambda token: token.replace("-", "+").replace("_", "/") + "+/"),
    "with padding": _text(lambda token: token + "=="),
    "with padding in the header": _text(lambda token: token.replace(".", "=.", 1)),
    "percent-encoded": _text(lambda token: token.replace(".", "%2E")),
    "a blank inside": _text(lambda token: token[:30] + " " + token[30:]),
    "JSON serialization": lambda issuer: json.dumps(
        dict(zip(("protected", "payload", "signature"), issuer.token().split("."), strict=True))
    ),
    "of 9 kB": _claims(x="y" * 6500),
    "of 60 kB": _claims(x="y" * 45_000),
    # -- claims ------------------------------------------------------------------------------------
    "expired an hour ago": lambda i: i.token(exp=_now() - 3600),
    "expired a second ago": lambda i: i.token(exp=_now() - 1),
    "expires now": lambda i: i.token(exp=_now()),
    "exp missing": _claims(exp=None),
    "exp null": _payload(lambda p: _dump(json.loads(p) | {"exp": None})),
    "exp a text": lambda i: i.token(exp=str(_now() + 60)),
    "exp true": _claims(exp=True),
    "exp a list": lambda i: i.token(exp=[_now() + 60]),
    "exp negative": _claims(exp=-1),
    "exp NaN": _payload(lambda p: _dump(json.loads(p) | {"exp": float("nan")})),
    "exp Infinity": _payload(lambda p: _dump(json.loads(p) | {"exp": float("inf")})),
    "exp 1e400": _payload(lambda p: p[:-1].replace(b'"exp"', b'"x"') + b',"exp":1e400}'),
    "exp of 400 digits": _claims(exp=10**400),
    "exp of 5,000 digits": _payload(lambda p: p[:-1] + b',"y":' + b"9" * 5000 + b"}"),
    "exp twice": _payload(lambda p: p.replace(b"{", b'{"exp":1,', 1)),
    "in milliseconds": lambda i: i.token(exp=(_now() + 60) * 1000, iat=_now() * 1000),
    "nbf in an hour": lambda i: i.token(nbf=_now() + 3600),
    "nbf a text": lambda i: i.token(nbf=str(_now() - 60)),
    "iat in an hour": lambda i: i.token(iat=_now() + 3600),
    "iat a list": lambda i: i.token(iat=[_now()]),
    "iss missing": _claims(iss=None),
    "iss of another": _claims(iss="https://evil.test"),
    "iss with a slash": _claims(iss=ISSUER + "/"),
    "iss in other case": _claims(iss=ISSUER.upper()),
    "iss a list": _claims(iss=[ISSUER]),
    "iss twice": _payload(lambda p: p.replace(b"{", b'{"iss":"https://evil.test",', 1)),
    "aud missing": _claims(aud=None),
    "aud of another": _claims(aud="billing"),
    "aud empty": _claims(aud=""),
    "aud an empty list": _claims(aud=[]),
    "aud longer": _claims(aud=AUDIENCE + "-admin"),
    "aud all": _claims(aud="*"),
    "aud an object": _claims(aud={"a": AUDIENCE}),
    "aud a list of others": _claims(aud=["billing", [AUDIENCE]]),
    "payload a list": _payload(lambda p: b"[" + p + b"]"),
    "payload a text": lambda issuer: issuer.signed(_dump(issuer.header()), b'"x"'),
    "payload empty": lambda issuer: issuer.signed(_dump(issuer.header()), b" "),
    "payload no JSON": _payload(lambda p: p + b"}"),
    "payload not UTF-8": _payload(lambda p: p.replace(b"ann", b"\xff")),
    "payload nested too deep": _payload(lambda p: p[:-1] + b',"x":' + b"[" * 4000 + b"}"),
    # -- scopes ------------------------------------------------------------------------------------
    "nobody": _claims(domains=None),
    "empty lists": _claims(domains=[], aors=[]),
    "all domains": _claims(domains=["*"]),
    "domains by a wildcard": _claims(domains=["*.test"]),
    "a domain and a wildcard": _claims(domains=["one.test", "*"]),
    "domains by a pattern": _claims(domains=["one.(test|org)"]),
    "a domain with a user": _claims(domains=["x@one.test"]),
    "a domain with a blank": _claims(domains=["one.test two.test"]),
    "domains a text": _claims(domains="one.test"),
    "domains an object": _claims(domains={"one.test": True}),
    "domains with a number": _claims(domains=["one.test", 1]),
    "domains with null": _claims(domains=["one.test", None]),
    "an empty domain": _claims(domains=[""]),
    "domains twice": _payload(lambda p: p.replace(b"{", b'{"domains":["two.test"],', 1)),
    "users by a wildcard": _claims(domains=None, aors=["*@one.test"]),
    "a user without a host": _claims(domains=None, aors=["sip:ann"]),
    "a user with a line end": _claims(domains=None, aors=["sip:ann\r\n@one.test"]),
    "aors true": _claims(aors=True),
    "all fields": _claims(fields=["*"]),
    "a field of another name": _claims(fields=["contact", "password"]),
    "fields a text": _claims(fields="contact"),
}


def of_other_curve(issuer: Issuer) -> str:
    """Signed on P-384, with the kid of the P-256 key."""
    other = Issuer("ES256", issuer.kid)
    other.algorithm = "ES384"
    other.key = ECKey.generate_key("P-384", {"kid": issuer.kid})
    return other.token()


HOSTILE["a key on another curve"] = of_other_curve
