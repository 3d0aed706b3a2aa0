"""No password of a URL leaves the process in a log, in /status or in a command's error."""

import asyncio
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from runtime import logs
from runtime.masking import masked, masked_values
from runtime.stage import Stage

URL = "http://rollcall:s3cret@center.test:8443/presence?x=1"
SHOWN = "http://rollcall:***@center.test:8443/presence?x=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (URL, SHOWN),
        (f"POST {URL}: refused; then {URL}", f"POST {SHOWN}: refused; then {SHOWN}"),
        ("postgresql+psycopg://u:p@h/db", "postgresql+psycopg://u:***@h/db"),
        ("http://:only@h/", "http://:***@h/"),
        ("http://u:p@ss@h/", "http://u:***@h/"),
        ("http://h:8080/a:b@c", "http://h:8080/a:b@c"),
        ("http://h/?mail=a:b@c", "http://h/?mail=a:b@c"),
        ("sip:1001@example.test", "sip:1001@example.test"),
        ("<sip:u:x@h;lr>", "<sip:u:x@h;lr>"),
    ],
)
def test_the_password_alone_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_values_of_any_depth() -> None:
    value = {"url": URL, "all": [URL, (URL, 1, None, True)]}
    assert masked_values(value) == {"url": SHOWN, "all": [SHOWN, [SHOWN, 1, None, True]]}


def test_status() -> None:
    async def ask() -> str:
        stage = Stage("user-center", status=lambda: {"url": URL})
        transport = httpx.ASGITransport(stage.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://stage") as client:
            return (await client.get("/status")).text

    assert asyncio.run(ask()) == json.dumps({"url": SHOWN}, separators=(",", ":"))


@pytest.fixture
def configured_logs() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("configured_logs")
def test_logs(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("test")
    log = logs.get("test_masking")
    try:
        raise RuntimeError(f"no answer from {URL}")
    except RuntimeError as error:
        log.exception("failed", url=URL, error=error, detail=str(error))
        logging.getLogger("library").warning("no answer from %s", URL)
    written = capsys.readouterr().err
    assert written.count("rollcall:***@") >= 5
    assert "s3cret" not in written
