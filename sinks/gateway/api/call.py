"""One operation of the REST interface: what it is asked with, and what it answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from sinks.gateway.access.identity import Identity
from sinks.gateway.gateway import Gateway

JSON = "application/json"
TEXT = "text/plain"


class Parameters(BaseModel):
    """Of a path, a query or a body. An unknown field is an error: a misspelt one would be lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Parameters):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: who asks, with which parameters, for which media type."""

    gateway: Gateway
    identity: Identity
    path: Any
    query: Any
    body: Any
    media_type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: the body in `media_type`."""

    body: bytes
    media_type: str = JSON
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path: what serves it, and what the OpenAPI document has of it.

    `answers`: by media type the model (or a text's schema) of a success, whose status is `status`;
    the first is the default.
    `errors`: the same of the statuses beside those that every operation has. `text_error`: what a
    client that asks for text gets in place of any other error, where it would read JSON as its own
    commands.
    """

    method: str
    path: str
    name: str
    summary: str
    description: str = ""
    handler: Callable[[Call], Awaitable[Answer]]
    path_parameters: type[Parameters] = Nothing
    query: type[Parameters] = Nothing
    body: type[Parameters] | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    text_error: str | None = None
    status: int = 200

    @property
    def allow(self) -> str:
        """The path's methods: with GET there is HEAD too."""
        return "GET, HEAD" if self.method == "GET" else self.method

    @property
    def route(self) -> str:
        """The path as Starlette matches it: an AOR may hold slashes."""
        return self.path.replace("{aor}", "{aor:path}")
