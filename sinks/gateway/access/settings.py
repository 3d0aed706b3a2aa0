"""Parts of the section [gateway] on access: tokens with a scope, and the issuer of JWTs."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from runtime.settings import Duration
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.jwt import ALGORITHMS, Rules
from sinks.gateway.access.jwt_verifier import JwtVerifier
from sinks.gateway.access.key_sources import keys_of_file, keys_of_url
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.access.static_tokens import StaticToken, check_token
from sinks.gateway.errors import BadQuery
from sinks.gateway.query import aor_in, domain_in

# In `domains` of a token from the settings: everybody.
EVERYBODY = "*"


def listed(value: Any) -> Any:
    """A text from the environment as a list: parts are separated by white space or commas."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return re.split(r"[\s,]+", value.strip(" \t\r\n,")) if isinstance(value, str) else value


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
    dial: bool = Field(False, description="May have calls made (`POST /v1/calls`).")

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
            may_dial=self.dial,
        )

    def static(self) -> StaticToken:
        """The token as it is compared."""
        return StaticToken(self.token.get_secret_value(), Identity(self.name, self.scope))


def _canonical(read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except BadQuery as error:
        raise ValueError(f"{text[:200]!r}: {error}") from error


class JwtSettings(BaseModel):
    """The table [gateway.jwt]: the issuer of clients' tokens, and where its keys are."""

    model_config = ConfigDict(extra="forbid")

    issuer: str = Field(min_length=1, description="`iss` of each token, compared whole.")
    audience: str = Field(min_length=1, description="What `aud` has to name.")
    algorithms: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        ("RS256", "ES256", "EdDSA"),
        min_length=1,
        description=f"Of {', '.join(sorted(ALGORITHMS))}.",
    )
    key_file: Path | None = Field(
        None, description="Public keys as PEM or JWK Set; read again when it changes."
    )
    jwks_url: AnyHttpUrl | None = Field(None, description="The issuer's JWK Set.")
    ca_file: Path | None = Field(None, description="Certificates to trust for `jwks_url`.")
    refresh: Duration = Field(
        timedelta(minutes=5), ge=timedelta(seconds=1), description="How often `jwks_url` is read."
    )
    keys_max_age: Duration = Field(
        timedelta(days=1),
        ge=timedelta(seconds=1),
        description="For so long keys stay valid while they cannot be read again.",
    )
    leeway: Duration = Field(
        timedelta(seconds=5),
        ge=timedelta(0),
        le=timedelta(minutes=1),
        description="How far the issuer's clock may be ahead (`nbf`, `iat`); `exp` has none.",
    )
    domains_claim: str = Field("domains", min_length=1)
    aors_claim: str = Field("aors", min_length=1)
    fields_claim: str = Field("fields", min_length=1)
    dial_claim: str = Field("dial", min_length=1)

    @field_validator("algorithms")
    @classmethod
    def _algorithms(cls, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        for one in algorithms:
            if one not in ALGORITHMS:
                raise ValueError(f"{one[:40]!r} is none of {', '.join(sorted(ALGORITHMS))}")
        return algorithms

    @model_validator(mode="after")
    def _one_source(self) -> "JwtSettings":
        if (self.key_file is None) == (self.jwks_url is None):
            raise ValueError("name either key_file or jwks_url")
        return self

    def verifier(self) -> JwtVerifier:
        """What checks the issuer's tokens."""
        rules = Rules(
            issuer=self.issuer,
            audience=self.audience,
            algorithms=frozenset(self.algorithms),
            leeway=self.leeway.total_seconds(),
            domains_claim=self.domains_claim,
            aors_claim=self.aors_claim,
            dial_claim=self.dial_claim,
            fields_claim=self.fields_claim,
        )
        max_age = self.keys_max_age.total_seconds()
        if self.key_file is not None:
            return JwtVerifier(keys_of_file(self.key_file, max_age=max_age), rules)
        every, url = self.refresh.total_seconds(), str(self.jwks_url)
        source = keys_of_url(url, every=every, max_age=max_age, ca_file=self.ca_file)
        return JwtVerifier(source, rules)
