"""The section [gateway]: where subscribers are served, who may subscribe, and the timeouts."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from runtime.settings import Duration, StageSettings
from sinks.gateway.access.credentials import COOKIE_PREFIXES
from sinks.gateway.access.hosts import host_in
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.origins import origin_in
from sinks.gateway.access.settings import JwtSettings, ScopedToken, listed
from sinks.gateway.access.static_tokens import StaticToken, check_token
from sinks.gateway.limits.settings import LimitSettings
from sinks.gateway.routing.addresses import NextHop, next_hop_in

# RFC 6265 §4.1.1: a token of RFC 2616, here without what is rare.
_is_cookie_name = re.compile(r"[\w.-]+", re.ASCII).fullmatch
_SECOND = timedelta(seconds=1)


def _next_hop(value: Any) -> Any:
    return next_hop_in(value) if isinstance(value, str) else value


class GatewaySettings(StageSettings):
    """How programs subscribe to presence without Kafka."""

    section: ClassVar[str] = "gateway"

    host: str = "127.0.0.1"
    port: int = Field(8096, ge=0, le=65535, description="0: any free one, see /status.")
    tokens: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(listed)] = Field(
        (),
        description="Any of them, as `Authorization: Bearer TOKEN`, shows everything; with no "
        "token of any kind the gateway is open to everybody.",
    )
    token: tuple[ScopedToken, ...] = Field(
        (), description="Tables `[[gateway.token]]`: tokens that show some users, some fields."
    )
    jwt: JwtSettings | None = Field(None, description="The issuer of clients' tokens.")
    cookie: str = Field(
        "__Secure-rollcall",
        description="The cookie that may have the token, for browsers; empty: none may.",
    )
    ticket_lifetime: Duration = Field(
        timedelta(seconds=30),
        ge=_SECOND,
        le=timedelta(minutes=10),
        description="Of POST /v1/tickets.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        (), description="Names for the gateway in `Host`, with a port or for any; none: all."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        (),
        description="Of web pages and apps, beside those of the gateway's own host; each as "
        "browsers send it: `https://portal.example.org`, `capacitor://localhost`, `file://`.",
    )
    nodes: dict[str, Annotated[NextHop, BeforeValidator(_next_hop)]] = Field(
        {},
        description='Where each node takes SIP, for routes: `fs1 = "10.0.0.1:5060"`, or of one '
        'registrar `"fs1/external" = "10.0.0.1:5080;transport=tcp"`; else the node\'s own name.',
    )
    dial_profile: str = Field(
        "internal",
        pattern=r"^[A-Za-z0-9_.-]{1,80}$",
        description="Sofia profile over which a FreeSWITCH that asks for a route calls.",
    )
    node_lease: Duration = Field(
        timedelta(seconds=5),
        ge=_SECOND,
        description="The streams' own, `streams.node_lease`: shown with the nodes.",
    )
    limits: LimitSettings = Field(
        LimitSettings(), description="How much one client, and all together, may take."
    )
    subscribers_max: int = Field(15_000, ge=1, description="More are answered 503.")
    keepalive: Duration = Field(
        timedelta(seconds=15), ge=_SECOND, description="A sign of life where nothing changes."
    )
    stalled_after: Duration = Field(
        timedelta(seconds=30),
        ge=_SECOND,
        description="A subscriber that takes nothing of what waits for it for so long is "
        "disconnected.",
    )

    watched_max: int = Field(
        10_000, ge=1, description="Users that one subscriber watches by name, not with a domain."
    )
    resume_wait: Duration = Field(
        timedelta(seconds=3),
        ge=timedelta(0),
        description="For so long a subscriber with a cursor waits for a gateway that is behind it; "
        "then it gets the whole state.",
    )
    removals_kept: Duration = Field(
        timedelta(hours=24),
        ge=_SECOND,
        description="For so long after a removal a subscriber can resume; at most as long as "
        "Kafka keeps tombstones (the topic's delete.retention.ms).",
    )

    calls_kept: int = Field(
        20_000,
        ge=1,
        description="Call records, and results of dialled calls, that are kept in memory; the "
        "oldest beyond are dropped, ended ones first. Some 4 kB each, across an edge 7 kB.",
    )

    @field_validator("tokens")
    @classmethod
    def _tokens(cls, tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        found = tuple(dict.fromkeys(token for token in tokens if token.get_secret_value()))
        for number, token in enumerate(found, 1):
            check_token(token, f"token {number}")
        return found

    @field_validator("cookie")
    @classmethod
    def _cookie(cls, cookie: str) -> str:
        if cookie and not (cookie.startswith(COOKIE_PREFIXES) and _is_cookie_name(cookie)):
            raise ValueError(f"its name begins with {' or '.join(COOKIE_PREFIXES)}")
        return cookie

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked(host_in, "host", host) for host in filter(None, hosts))

    @model_validator(mode="after")
    def _distinct(self) -> "GatewaySettings":
        names = [token.name for token in self.token]
        secrets = [token.secret for token in self.static_tokens()]
        if len(set(names)) < len(names) or len(set(secrets)) < len(secrets):
            raise ValueError("two tokens are the same, or have the same name")
        return self

    def static_tokens(self) -> list[StaticToken]:
        """Every fixed token, with its scope."""
        full = [
            StaticToken(token.get_secret_value(), Identity(f"token {number}"))
            for number, token in enumerate(self.tokens, 1)
        ]
        return full + [token.static() for token in self.token]

    def token_of_everything(self) -> str | None:
        """A fixed token that shows everybody, the one with most parts; None where there is none."""
        whole = [one for one in self.static_tokens() if one.identity.scope.everybody]
        found = max(whole, key=lambda one: len(one.identity.scope.parts), default=None)
        return found.secret if found is not None else None

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked(origin_in, "origin", origin) for origin in filter(None, origins))


def _checked(read: Callable[[str], str], what: str, text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{text[:200]!r} is no {what}: {error}") from error
