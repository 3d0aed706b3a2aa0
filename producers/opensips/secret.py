"""Checks the shared secret that a script can put on its own events, and removes it.

usrloc's, dialog's and the core's events cannot carry one: for those only the sender's address is
checked. After the removal no record, dead letter or log can show the secret.
"""

import hmac
from typing import Any

from pydantic import SecretStr

from producers.sip_proxy.event import ServerEvent
from schemas.codec import InvalidRecord

PARAMETER = "secret"
# Raised by the script (docs/opensips.md).
SIGNED = frozenset({"E_EDGE_REGISTER", "E_ROLLCALL_CALL"})
_HIDDEN = b"[secret]"


class SharedSecret:
    """`secret` None: none is required."""

    def __init__(self, secret: SecretStr | None) -> None:
        self._secret = secret.get_secret_value().encode() if secret is not None else None

    def taken_from(self, event: ServerEvent) -> ServerEvent:
        """The event without its secret. Raises InvalidRecord where that is missing or wrong."""
        given = event.parameters.get(PARAMETER)
        if event.name not in SIGNED:
            return event
        event = without_secret(event)
        if self._secret is None:
            return event
        text = given if isinstance(given, str) else ""
        if not hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._secret):
            raise InvalidRecord(PARAMETER, "missing, or not the one that is configured")
        return event

    def hidden(self, payload: bytes) -> bytes:
        """A dead letter's payload without the secret."""
        return payload.replace(self._secret, _HIDDEN) if self._secret else payload


def without_secret(event: ServerEvent) -> ServerEvent:
    """The event without its secret, whether that is right or wrong."""
    left: dict[str, Any] = {k: v for k, v in event.parameters.items() if k != PARAMETER}
    return ServerEvent(event.name, left, event.request)
