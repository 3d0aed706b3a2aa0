"""The table [gateway.limits]: how much one client, and all together, may take of a gateway."""

import ipaddress
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

from runtime.connection_guard import ConnectionLimits
from runtime.settings import Duration
from sinks.gateway.access.settings import listed

# A connection that takes nothing is ended by its feed first, which counts it as stalled.
_AFTER_FEEDS = 5.0


class LimitSettings(BaseModel):
    """Each is far above what ordinary clients need, and below what takes a gateway down."""

    model_config = ConfigDict(extra="forbid")

    request_timeout: Duration = Field(
        timedelta(seconds=10),
        ge=timedelta(seconds=1),
        description="For a request to come whole, headers and body; else 408.",
    )
    pending_max: int = Field(
        5_000,
        ge=1,
        description="Connections whose request is not complete; past it the oldest is closed. A "
        "quarter of the open files where they are short.",
    )
    connections_per_address: int = Field(
        12_000, ge=1, description="More get 429. IPv6: of one /64."
    )
    subscribers_per_token: int = Field(12_000, ge=1, description="More get 429.")
    watched_max: int = Field(
        3_000_000,
        ge=1,
        description="Users that all subscriptions name, not with a domain; more get 503.",
    )
    bytes_waiting_max: int = Field(
        256 * 1024 * 1024,
        ge=1024 * 1024,
        description="Of messages and answers that clients do not take; past it those with most "
        "are disconnected.",
    )
    requests_per_second: float = Field(
        2_000, gt=0, description="Of one address, and of one token; more get 429."
    )
    requests_burst: int = Field(20_000, ge=1, description="So many at once.")
    stop_spread: Duration = Field(
        timedelta(seconds=3),
        ge=timedelta(0),
        le=timedelta(minutes=10),
        description="A stop ends subscriptions one by one over so long.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        (), description="Addresses or networks whose `X-Forwarded-For` is believed."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for one in filter(None, proxies):
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one[:80]!r} is no address or network: {error}") from error
        return tuple(filter(None, proxies))

    def of_connections(self, subscribers: int, stalled_after: float) -> ConnectionLimits:
        """For the connection guard of a gateway with room for so many subscribers."""
        return ConnectionLimits(
            total=subscribers + self.pending_max,
            pending=self.pending_max,
            per_address=self.connections_per_address,
            request_seconds=self.request_timeout.total_seconds(),
            stalled_seconds=stalled_after + _AFTER_FEEDS,
            buffered_bytes=self.bytes_waiting_max,
        )
