"""Tokens from the settings: each a fixed secret with a scope, for machines (pure)."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import SecretStr

from sinks.gateway.access.identity import Identity

# RFC 6750 §2.1: what may follow `Bearer`. A shorter token could be guessed.
TOKEN_LENGTH_MIN = 16
_is_token = re.compile(r"[A-Za-z0-9\-._~+/]+=*").fullmatch


def check_token(token: SecretStr, name: str) -> SecretStr:
    """Raises ValueError with `name`, never with the token: too short, or wrong characters."""
    text = token.get_secret_value()
    if len(text) < TOKEN_LENGTH_MIN or not _is_token(text):
        raise ValueError(f"{name} is none: {TOKEN_LENGTH_MIN} or more of A-Z a-z 0-9 - . _ ~ + /")
    return token


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A secret and who sends it."""

    secret: str = field(repr=False)
    identity: Identity


class StaticTokens:
    """All of them."""

    def __init__(self, tokens: Iterable[StaticToken]) -> None:
        self._known = [(token.secret.encode(), token.identity) for token in tokens]

    def __len__(self) -> int:
        return len(self._known)

    def find(self, token: str) -> Identity | None:
        """Who sends this token; None: it is none of them."""
        given = token.encode("utf-8", "replace")
        # All are compared, so that the time taken shows nothing about which one it was.
        found = [who for known, who in self._known if hmac.compare_digest(given, known)]
        return found[0] if found else None
