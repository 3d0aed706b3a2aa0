"""An issuer of tokens for tests: its keys, and tokens signed byte by byte as a test wants them."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ISSUER, AUDIENCE = "https://issuer.test", "rollcall"
_SHAPES: dict[str, tuple[str, Any]] = {
    "RS256": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs with one key; `kid` names it."""

    def __init__(self, algorithm: str = "ES256", kid: str = "key-1") -> None:
        kind, size = _SHAPES[algorithm]
        self.algorithm = algorithm
        self.kid = kid
        self.key: RSAKey | ECKey | OKPKey = JWKRegistry.generate_key(kind, size, {"kid": kid})  # type: ignore[assignment]  # of the kind that is asked for

    def jwks(self, *others: "Issuer") -> bytes:
        """The public keys of this one and of others."""
        keys = [one.key.as_dict(private=False) for one in (self, *others)]
        return json.dumps({"keys": keys}).encode()

    def pem(self) -> bytes:
        return self.key.as_pem(private=False)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a token that lives an hour and shows everybody of one.test; None: without it."""
        now = time.time()
        found = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": int(now) - 10,
            "exp": int(now) + 3600,
            "sub": "ann",
            "domains": ["one.test"],
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}

    def header(self, **changes: Any) -> dict[str, Any]:
        found = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **changes}
        return {name: value for name, value in found.items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token with these claims, and with these changes to its header."""
        head = json.dumps(self.header(**(header or {}))).encode()
        return self.signed(head, json.dumps(self.claims(**claims)).encode())

    def signed(self, header: bytes, payload: bytes) -> str:
        """Any header and payload, signed with the key whatever they are."""
        return self.signed_text(f"{b64(header)}.{b64(payload)}")

    def signed_text(self, text: str) -> str:
        signature = JWSRegistry.algorithms[self.algorithm].sign(text.encode(), self.key)
        return f"{text}.{b64(signature)}"
