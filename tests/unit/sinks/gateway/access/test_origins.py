"""Origins in the form that browsers send, and the settings that name them."""

import pytest

from runtime.settings import BadSettings, load
from sinks.gateway.access.origins import check_origin, origin_in
from sinks.gateway.errors import NotAllowed
from sinks.gateway.settings import GatewaySettings


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Portal.Example.ORG", "https://portal.example.org"),
        ("HTTPS://portal.example.org:443", "https://portal.example.org"),
        ("http://portal.example.org:80", "http://portal.example.org"),
        ("http://localhost:08080", "http://localhost:8080"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("app://localhost", "app://localhost"),
        ("app://.", "app://."),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("file://", "file://"),
        ("null", "null"),
    ],
)
def test_origins_have_the_form_that_browsers_send(given: str, origin: str) -> None:
    assert origin_in(given) == origin


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("*", "wildcard"),
        ("https://*.example.org", "wildcard"),
        ("portal.example.org", "scheme"),
        ("portal.example.org:443", "scheme"),
        ("//portal.example.org", "scheme"),
        ("://portal.example.org", "scheme"),
        ("https://portal.example.org/", "path"),
        ("https://portal.example.org/app", "path"),
        ("https://portal.example.org?x", "path"),
        ("capacitor://localhost/", "path"),
        ("file:///", "path"),
        ("wss://portal.example.org", "http"),
        ("https://", "host"),
        ("https://:443", "host"),
        ("https://user@portal.example.org", "host"),
        ("https://bücher.example", "host"),
        ("app://", "host"),
        ("https://portal.example.org:", "port"),
        ("https://portal.example.org:0", "port"),
        ("https://portal.example.org:65536", "port"),
        ("https://portal.example.org:https", "port"),
    ],
)
def test_a_text_that_is_no_origin_is_refused_with_the_reason(
    given: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_GATEWAY_ALLOWED_ORIGINS", f"https://sound.test, {given}")
    with pytest.raises(BadSettings, match=r"gateway\.allowed_origins") as caught:
        load(GatewaySettings)
    assert repr(given) in str(caught.value)
    assert what in str(caught.value).partition("is no origin")[2]


def test_allowed_origins_are_one_text_or_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(GatewaySettings).allowed_origins == ()
    monkeypatch.setenv("ROLLCALL_GATEWAY_ALLOWED_ORIGINS", "https://A.test:443, app://localhost")
    found = ("https://a.test", "app://localhost")
    assert load(GatewaySettings).allowed_origins == found
    assert load(GatewaySettings, allowed_origins=list(found)).allowed_origins == found
    assert load(GatewaySettings, allowed_origins="").allowed_origins == ()


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
