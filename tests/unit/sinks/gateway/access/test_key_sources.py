"""Keys that change while the gateway runs: files, JWKS URLs, and an issuer that does not answer."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sinks.gateway.access.jwt import BadToken, Rules, UnknownKey
from sinks.gateway.access.jwt_verifier import JwtVerifier
from sinks.gateway.access.key_sources import (
    ASK_SECONDS_MIN,
    KEYS_BYTES_MAX,
    KeySource,
    KeysUnavailable,
    keys_of_file,
    keys_of_url,
)
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.user_center import serving

RULES = Rules(ISSUER, AUDIENCE, frozenset({"ES256"}))
OLD, NEW = Issuer(kid="old"), Issuer(kid="new")


class Answering:
    """An issuer: `data` is what it answers, None: nothing."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data
        self.asked = 0
        self.now = 1_000.0
        self.source = KeySource(
            self.read, every=300, max_age=3_600, named="issuer", clock=lambda: self.now
        )
        self.verifier = JwtVerifier(self.source, RULES)

    async def read(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.data is None:
            raise KeysUnavailable("no answer")
        return self.data

    async def accepts(self, token: str) -> bool:
        try:
            await self.verifier.identify(token, time.time())
        except BadToken:
            return False
        return True


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_a_new_key_is_read_when_a_token_names_it() -> None:
    async def test() -> None:
        issuer = Answering(OLD.jwks())
        assert await issuer.accepts(OLD.token())
        issuer.now += ASK_SECONDS_MIN
        issuer.data = NEW.jwks()
        assert await issuer.accepts(NEW.token())
        assert not await issuer.accepts(OLD.token()), "the issuer has withdrawn it"
        assert issuer.asked == 2

    run(test)


def test_an_issuer_is_asked_seldom_and_once_for_all_that_wait() -> None:
    async def test() -> None:
        issuer = Answering(OLD.jwks())
        await issuer.accepts(OLD.token())
        for _ in range(50):
            assert not await issuer.accepts(NEW.token())
        assert issuer.asked == 1
        issuer.now += ASK_SECONDS_MIN
        issuer.data = OLD.jwks(NEW)
        token = NEW.token()
        assert all(await asyncio.gather(*[issuer.accepts(token) for _ in range(50)]))
        assert issuer.asked == 2

    run(test)


def test_old_keys_live_on_while_the_issuer_does_not_answer_but_not_for_ever() -> None:
    async def test() -> None:
        issuer = Answering(OLD.jwks())
        token = OLD.token()
        await issuer.accepts(token)
        for broken in (None, b"<html>", b"{}", NEW.key.as_pem(private=True)):
            issuer.data = broken
            await issuer.source.refresh()
            assert await issuer.accepts(token)
        issuer.now += 3_599
        assert await issuer.accepts(token)
        issuer.now += 1
        with pytest.raises(KeysUnavailable):
            await issuer.accepts(token)
        issuer.now += ASK_SECONDS_MIN
        issuer.data = OLD.jwks()
        assert await issuer.accepts(token)

    run(test)


def test_without_any_key_no_token_is_checked() -> None:
    async def test() -> None:
        issuer = Answering(None)
        with pytest.raises(KeysUnavailable):
            await issuer.accepts(OLD.token())
        with pytest.raises(KeysUnavailable):
            await issuer.accepts("nonsense")

    run(test)


def test_a_known_token_is_checked_again_after_its_key_is_gone() -> None:
    async def test() -> None:
        issuer = Answering(OLD.jwks(NEW))
        token = OLD.token(exp=5_000, iat=0)
        first = await issuer.verifier.identify(token, 10.0)
        assert await issuer.verifier.identify(token, 4_999.0) is first
        with pytest.raises(BadToken):
            await issuer.verifier.identify(token, 5_000.0)
        issuer.data = NEW.jwks()
        await issuer.source.refresh()
        with pytest.raises(UnknownKey):
            await issuer.verifier.identify(token, 10.0)

    run(test)


def test_a_file_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        file = tmp_path / "keys.pem"
        source = keys_of_file(file, max_age=60)
        await source.refresh()
        assert source.keys() is None
        file.write_bytes(OLD.pem())
        await source.refresh()
        first = source.keys()
        assert first is not None
        await source.refresh()
        assert source.keys() is first, "the same bytes are the same keys"
        file.write_bytes(OLD.jwks(NEW))
        await source.refresh()
        assert len(source.keys() or ()) == 2
        file.write_bytes(b"x" * (KEYS_BYTES_MAX + 1))
        await source.refresh()
        assert len(source.keys() or ()) == 2

    run(test)


def test_keys_of_a_url() -> None:
    answers: dict[str, Response] = {
        "/keys": Response(OLD.jwks()),
        "/moved": RedirectResponse("/keys"),
        "/error": Response(OLD.jwks(), status_code=500),
        "/huge": Response(b" " * (KEYS_BYTES_MAX + 1)),
    }

    def answer(request: Request) -> Response:
        return answers[request.url.path]

    async def known(url: str) -> bool:
        source = keys_of_url(url, every=60, max_age=60, ca_file=None)
        await source.refresh()
        return source.keys() is not None

    with serving(Starlette(routes=[Route("/{name}", answer)])) as url:
        assert asyncio.run(known(f"{url}/keys"))
        for name in ("moved", "error", "huge"):
            assert not asyncio.run(known(f"{url}/{name}")), name
    assert not asyncio.run(known(f"{url}/keys")), "nobody listens any more"
