"""Public keys that sign clients' tokens, from a PEM file, a JWK or a JWK Set (RFC 7517). Pure.

Only what can check a signature of a token is kept: public RSA keys of 2048 bits or more, EC and OKP
keys, none for encryption. A shared secret is never a key here, so no token signed with HMAC passes.
"""

import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

PublicKey = RSAKey | ECKey | OKPKey
_KINDS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
# By the first letters of an algorithm's name (RFC 7518 §3.1, RFC 8037, RFC 9864).
_KIND_OF = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
# More keys than any issuer has: each may have to be tried.
KEYS_MAX = 100
_PRIVATE = ("d", "p", "q", "k")
_pem_blocks = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL).finditer
_UNREADABLE = (JoseError, SecurityWarning, ValueError, TypeError, KeyError, AttributeError)


class BadKeys(Exception):
    """No usable public key; the message gives the reason."""


class Keys:
    """The keys of an issuer, as they were read together."""

    def __init__(self, keys: Sequence[PublicKey]) -> None:
        self._keys = keys
        self._kids = {key.kid for key in keys} - {None}

    def __len__(self) -> int:
        return len(self._keys)

    def knows(self, kid: str | None) -> bool:
        """Whether a token with this key id can be checked: keys of a PEM file have no ids."""
        return kid is None or not self._kids or kid in self._kids

    def candidates(self, kid: str | None, algorithm: str) -> list[PublicKey]:
        """The keys that may have signed a token with this header."""
        return [
            key
            for key in self._keys
            if (kid is None or not self._kids or key.kid == kid)
            and _KIND_OF.get(algorithm[:2]) == key.key_type
            and _may_use(key.alg, algorithm)
        ]


def _may_use(named: str | None, algorithm: str) -> bool:
    """Whether a key that names its algorithm, or none, may be used with this one."""
    # RFC 9864 renamed EdDSA: the key's curve decides.
    return named in (None, algorithm) or {named, algorithm} == {"EdDSA", "Ed25519"}


def keys_in(data: bytes) -> Keys:
    """The usable keys of a file or an answer. Raises BadKeys: there is none, or a private one."""
    found = _of_pem(data) if b"-----BEGIN " in data else _of_json(data)
    if not found:
        raise BadKeys("no public RSA (2048 bits or more), EC or Ed25519 key for signatures in it")
    return Keys(found[:KEYS_MAX])


def _of_pem(data: bytes) -> list[PublicKey]:
    found = []
    for block in _pem_blocks(data):
        if b"PRIVATE" in block[1]:
            raise BadKeys("a private key is in it: give the public key only")
        found += [key for kind in _KINDS.values() if (key := _imported(kind, block[0]))]
    return found


def _of_json(data: bytes) -> list[PublicKey]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadKeys(f"neither PEM nor JSON: {error}"[:200]) from error
    listed = content.get("keys", [content]) if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise BadKeys("no JWK Set: an object with a list `keys`")
    found = []
    for one in listed:
        if not isinstance(one, dict):
            continue
        if any(name in one for name in _PRIVATE):
            raise BadKeys("a private or shared key is in it: give public keys only")
        kind = _KINDS.get(str(one.get("kty")))
        if kind and one.get("use", "sig") == "sig" and "verify" in one.get("key_ops", ["verify"]):
            # RFC 7517 §5: a key that cannot be used is ignored, not the whole set.
            found += [key] if (key := _imported(kind, one)) else []
    return found


def _imported(kind: Any, value: bytes | dict[str, Any]) -> PublicKey | None:
    try:
        with warnings.catch_warnings():
            # joserfc warns of keys that are too short to be safe.
            warnings.simplefilter("error", SecurityWarning)
            key: PublicKey = kind.import_key(value)
        key.dict_value  # noqa: B018  # read now, so that a fault shows now
    except _UNREADABLE:
        return None
    return None if key.is_private else key
