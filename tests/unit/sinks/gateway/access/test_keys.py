"""Which keys of a file or an answer can check a token."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OctKey
from joserfc.util import int_to_base64

from sinks.gateway.access.keys import KEYS_MAX, BadKeys, keys_in
from tests.tokens import Issuer

ES, RS, ED = Issuer("ES256", "es"), Issuer("RS256", "rs"), Issuer("EdDSA", "ed")


# joserfc warns of so short a key when it makes one.
SHORT = generate_private_key(65537, 1024).public_key()
SHORT_PEM = SHORT.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SHORT_JWK = {"kty": "RSA", "e": "AQAB", "n": int_to_base64(SHORT.public_numbers().n)}


def jwk(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    return {**issuer.key.as_dict(private=False), **changes}


def jwks(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def kids(data: bytes, kid: str | None, algorithm: str) -> list[str | None]:
    return [key.kid for key in keys_in(data).candidates(kid, algorithm)]


def test_a_key_is_found_by_its_id_and_its_kind() -> None:
    data = ES.jwks(RS, ED)
    assert kids(data, "rs", "RS256") == ["rs"]
    assert kids(data, "rs", "PS512") == ["rs"]
    assert kids(data, "rs", "ES256") == []
    assert kids(data, None, "EdDSA") == ["ed"]
    assert kids(data, "no", "RS256") == []
    assert keys_in(data).knows("rs")
    assert not keys_in(data).knows("no")


def test_a_key_is_used_for_the_algorithm_that_it_names() -> None:
    data = jwks(jwk(RS, alg="RS512"), jwk(ED, alg="Ed25519"))
    assert kids(data, "rs", "RS256") == []
    assert kids(data, "rs", "RS512") == ["rs"]
    assert kids(data, "ed", "EdDSA") == ["ed"]


def test_keys_of_a_pem_file_have_no_ids() -> None:
    keys = keys_in(b"# comment\n" + ES.pem() + RS.pem())
    assert len(keys) == 2
    assert keys.knows("any")
    assert [key.key_type for key in keys.candidates("any", "RS256")] == ["RSA"]


def test_keys_for_other_purposes_are_left_out() -> None:
    data = jwks(
        jwk(RS, use="enc"),
        jwk(RS, key_ops=["encrypt"]),
        jwk(RS, kty="AKP"),
        jwk(RS, n="%"),
        SHORT_JWK,
        "text",
        jwk(ES, use="sig", key_ops=["verify"]),
    )
    assert len(keys_in(data)) == 1
    assert len(keys_in(jwks(*[jwk(ES)] * 200))) == KEYS_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        jwks(),
        b'{"keys":{}}',
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        SHORT_PEM,
    ],
)
def test_without_a_usable_key_they_are_bad(data: bytes) -> None:
    with pytest.raises(BadKeys):
        keys_in(data)


@pytest.mark.parametrize(
    "data",
    [
        RS.key.as_pem(private=True),
        ES.pem() + ECKey.generate_key("P-256").as_pem(private=True),
        jwks(jwk(ES), RS.key.as_dict(private=True)),
        jwks(jwk(ES), OctKey.generate_key(256).as_dict(private=True)),
    ],
)
def test_private_and_shared_keys_are_refused(data: bytes) -> None:
    with pytest.raises(BadKeys, match="private"):
        keys_in(data)
