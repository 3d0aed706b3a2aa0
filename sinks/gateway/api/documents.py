"""What the operations answer with, as models: the OpenAPI document is generated from them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.presence import Presence
from schemas.vocabulary import Cause, Status


@dataclass
class Page:
    """Some users of a list."""

    users: list[Presence]
    next: Annotated[str | None, Field(description="The next page's `cursor`; null: there is none.")]


@dataclass
class Found:
    """The users asked for, in the order asked, each once."""

    users: list[Presence]
    unknown: Annotated[list[str], Field(description="Those without a record.")]


@dataclass
class Error:
    """Why a request was not served."""

    error: Annotated[str, Field(description="What is wrong, for people.")]
    field: Annotated[
        str | None,
        Field(description="The parameter, header or field of the body at fault; absent if none."),
    ] = None


@dataclass
class Unreachable(Error):
    """Why there is no route. A user without a record has no status, cause or time."""

    status: Status | None = None
    cause: Annotated[Cause | None, Field(description="Of the user's last change.")] = None
    at: Annotated[datetime | None, Field(description="When that was, by its node's clock.")] = None
