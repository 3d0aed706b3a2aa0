"""A device's answers to a registrar's challenges: MD5 with qop=auth (RFC 2617 §3.2.2). Pure.

As phones do it goes on with a nonce, counting, until the registrar names another: FreeSWITCH renews
a registration that comes with a known nonce in another way than a new one (AUTH_RENEWED).
"""

import re
from dataclasses import dataclass, field
from hashlib import md5

from tests.integration.sip_client import PASSWORD

USER = "phone"  # whom the registrar knows, and lets register any address
_CNONCE = "0a4f113b"


@dataclass(slots=True)
class Digest:
    """Of one device."""

    _given: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def challenged(self, answer: str) -> bool:
        """Whether this answer asks for a digest; then the next request has one."""
        if not answer.startswith("SIP/2.0 401"):
            return False
        self._given = dict(re.findall(r'(realm|nonce)="([^"]*)"', answer))
        self._count = 0
        return "nonce" in self._given

    def header(self, uri: str) -> list[str]:
        """The Authorization header of a REGISTER, where a nonce is known."""
        if "nonce" not in self._given:
            return []
        self._count += 1
        realm, nonce, count = self._given["realm"], self._given["nonce"], f"{self._count:08x}"
        secret, request = _md5(USER, realm, PASSWORD), _md5("REGISTER", uri)
        response = _md5(secret, nonce, count, _CNONCE, "auth", request)
        return [
            f'Authorization: Digest username="{USER}",realm="{realm}",nonce="{nonce}",uri="{uri}",'
            f'response="{response}",algorithm=MD5,qop=auth,nc={count},cnonce="{_CNONCE}"'
        ]


def _md5(*parts: str) -> str:
    return md5(":".join(parts).encode()).hexdigest()
