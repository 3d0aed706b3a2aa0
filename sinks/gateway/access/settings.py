"""Parts of the section [gateway] on access: tokens with a scope (`[[gateway.token]]`)."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from sinks.gateway.access.identity import Identity
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.access.static_tokens import StaticToken
from sinks.gateway.errors import BadQuery
from sinks.gateway.query import aor_in, domain_in

# RFC 6750 §2.1: what may follow `Bearer`. A shorter token could be guessed.
TOKEN_LENGTH_MIN = 16
_is_token = re.compile(r"[A-Za-z0-9\-._~+/]+=*").fullmatch
# In `domains` of a token from the settings: everybody.
EVERYBODY = "*"


def check_token(token: SecretStr, name: str) -> SecretStr:
    """Raises ValueError with `name`, never with the token: too short, or wrong characters."""
    text = token.get_secret_value()
    if len(text) < TOKEN_LENGTH_MIN or not _is_token(text):
        raise ValueError(f"{name} is none: {TOKEN_LENGTH_MIN} or more of A-Z a-z 0-9 - . _ ~ + /")
    return token


class ScopedToken(BaseModel):
    """A fixed token for one machine, and what it shows."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: SecretStr = Field(description="Sent as `Authorization: Bearer TOKEN`.")
    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\w.@:-]+$")] = Field(
        description="Who sends it, for logs and limits; no secret."
    )
    domains: tuple[str, ...] = Field((), description='Everybody of these domains; `["*"]`: all.')
    aors: tuple[str, ...] = Field((), description="These users.")
    fields: tuple[Part, ...] = Field(
        (), description="Parts of their records: contact, address, user_agent, peer."
    )

    @field_validator("token")
    @classmethod
    def _token(cls, token: SecretStr) -> SecretStr:
        return check_token(token, "it")

    @field_validator("domains")
    @classmethod
    def _domains(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one if one == EVERYBODY else _canonical(domain_in, one) for one in domains)

    @field_validator("aors")
    @classmethod
    def _aors(cls, aors: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_canonical(aor_in, one) for one in aors)

    @model_validator(mode="after")
    def _somebody(self) -> "ScopedToken":
        if self.scope.is_empty:
            raise ValueError("it shows nobody: name domains or aors")
        return self

    @property
    def scope(self) -> Scope:
        return Scope(
            frozenset(self.aors),
            frozenset(self.domains) - {EVERYBODY},
            frozenset(self.fields),
            everybody=EVERYBODY in self.domains,
        )

    def static(self) -> StaticToken:
        """The token as it is compared."""
        return StaticToken(self.token.get_secret_value(), Identity(self.name, self.scope))


def _canonical(read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except BadQuery as error:
        raise ValueError(f"{text[:200]!r}: {error}") from error
