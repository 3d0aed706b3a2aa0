"""Who may subscribe: bearer tokens, and pages of allowed origins."""

import pytest
from pydantic import SecretStr

from sinks.gateway.access import Access, check_origin
from sinks.gateway.errors import NotAllowed
from tests.gateway import TOKEN


@pytest.mark.parametrize(
    "given", ["", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_without_a_valid_token_nobody_is_admitted(given: str) -> None:
    access = Access([SecretStr("another-of-the-tokens"), SecretStr(TOKEN)])
    access.check({"authorization": f"bearer {TOKEN}"})
    with pytest.raises(NotAllowed) as caught:
        access.check({"authorization": given} if given else {})
    assert caught.value.status == 401
    assert TOKEN not in str(caught.value)


def test_without_tokens_everybody_is_admitted() -> None:
    Access([]).check({})


def test_a_page_of_another_origin_opens_no_web_socket() -> None:
    check_origin({"host": "presence.test:8096"})
    check_origin({"host": "Presence.test:8096", "origin": "https://presence.test:8096"})
    for origin in ("https://evil.test", "null", "http://presence.test", "http://[", ""):
        with pytest.raises(NotAllowed):
            check_origin({"host": "presence.test:8096", "origin": origin})


def test_pages_of_allowed_origins_are_admitted_by_their_whole_origin() -> None:
    allowed = frozenset({"https://portal.test", "capacitor://localhost", "file://"})
    for origin in allowed:
        check_origin({"host": "presence.test", "origin": origin}, allowed)
    for origin in (
        "http://portal.test",
        "https://portal.test:444",
        "https://portal.test.evil.test",
        "https://evil.test/https://portal.test",
        "capacitor://localhost:1",
        "null",
        "",
        "app://presence.test",  # no page of this host's own, though the names are alike
    ):
        with pytest.raises(NotAllowed):
            check_origin({"host": "presence.test", "origin": origin}, allowed)
    with pytest.raises(NotAllowed):
        check_origin({"origin": "file://"})
