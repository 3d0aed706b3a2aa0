"""Who sends a request: bearer tokens of the settings."""

import asyncio

import pytest
from starlette.datastructures import Headers

from sinks.gateway.access.authenticator import Authenticator
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import EVERYTHING, Scope
from sinks.gateway.access.static_tokens import StaticToken, StaticTokens
from sinks.gateway.access.tickets import Tickets
from sinks.gateway.errors import NotAllowed
from tests.gateway import TOKEN

BOARD = Identity("board", Scope(domains=frozenset({"one.test"}), parts=frozenset({Part.PEER})))
TOKENS = StaticTokens([StaticToken("another-of-the-tokens", BOARD), StaticToken(TOKEN, BOARD)])


def identity(tokens: StaticTokens, authorization: str | None) -> Identity:
    headers = Headers({} if authorization is None else {"authorization": authorization})
    access = Authenticator(tokens, tickets=Tickets(30))
    return asyncio.run(access.authenticate(headers, "192.0.2.7", 0.0))


@pytest.mark.parametrize(
    "given",
    [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"],
)
def test_without_a_valid_token_nobody_is_admitted(given: str | None) -> None:
    assert identity(TOKENS, f"bearer {TOKEN}") == BOARD
    with pytest.raises(NotAllowed) as caught:
        identity(TOKENS, given)
    assert caught.value.status == 401
    assert TOKEN not in str(caught.value)


def test_without_tokens_everybody_is_admitted_by_address() -> None:
    assert identity(StaticTokens([]), None) == Identity("192.0.2.7", EVERYTHING)


def test_a_token_is_not_in_its_repr() -> None:
    assert TOKEN not in repr(StaticToken(TOKEN, BOARD))
