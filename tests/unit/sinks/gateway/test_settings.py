"""The settings of the gateway: tokens, and bounds that are refused by name."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.settings import BadSettings, load
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import EVERYTHING
from sinks.gateway.settings import GatewaySettings
from tests.gateway import TOKEN


def test_tokens_are_one_text_or_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(GatewaySettings).tokens == ()
    monkeypatch.setenv("ROLLCALL_GATEWAY_TOKENS", f" {TOKEN}, another-of-the-tokens\n")
    secrets = [token.get_secret_value() for token in load(GatewaySettings).tokens]
    assert secrets == [TOKEN, "another-of-the-tokens"]
    assert load(GatewaySettings, tokens=[TOKEN]).tokens == (SecretStr(TOKEN),)
    assert load(GatewaySettings, tokens="").tokens == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENS", "short"),
        ("TOKENS", "{no-characters-of-a-token}"),
        ("TOKEN", '[{"token": "short", "name": "x", "domains": ["one.test"]}]'),
        ("TOKEN", '[{"token": "long-enough-to-be-one", "name": "x"}]'),
        ("TOKEN", '[{"token": "long-enough-to-be-one", "name": "a b", "domains": ["*"]}]'),
        ("TOKEN", '[{"token": "long-enough-to-be-one", "name": "x", "domains": ["*.test"]}]'),
        ("TOKEN", '[{"token": "long-enough-to-be-one", "name": "x", "aors": ["sip:*"]}]'),
        (
            "TOKEN",
            '[{"token": "long-enough-to-be-one", "name": "x", "domains": ["*"], "fields": ["ip"]}]',
        ),
        ("COOKIE", "rollcall"),
        ("COOKIE", "__Secure-a b"),
        ("ALLOWED_HOSTS", "*.test"),
        ("TICKET_LIFETIME", "0"),
        ("JWT", "{}"),
        ("JWT", '{"issuer": "i", "audience": "a"}'),
        ("JWT", '{"issuer": "i", "audience": "a", "key_file": "k", "jwks_url": "http://x.test"}'),
        ("JWT", '{"issuer": "i", "audience": "a", "jwks_url": "file:///etc/passwd"}'),
        ("JWT", '{"issuer": "i", "audience": "a", "key_file": "k", "algorithms": ["HS256"]}'),
        ("JWT", '{"issuer": "i", "audience": "a", "key_file": "k", "algorithms": ["none"]}'),
        ("JWT", '{"issuer": "i", "audience": "a", "key_file": "k", "algorithms": []}'),
        ("JWT", '{"issuer": "", "audience": "a", "key_file": "k"}'),
        ("PORT", "65536"),
        ("SUBSCRIBERS_MAX", "0"),
        ("STALLED_AFTER", "0"),
        ("KEEPALIVE", "0.5"),
    ],
)
def test_settings_that_cannot_work_are_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ROLLCALL_GATEWAY_{name}", value)
    with pytest.raises(BadSettings, match=f"gateway.{name.lower()}") as caught:
        load(GatewaySettings)
    if name == "TOKENS":
        assert value not in str(caught.value)
    assert "long-enough" not in str(caught.value)


SCOPED = '[{"token": "a-token-for-one-machine", "name": "door", "domains": ["One.test"]}]'


def test_tokens_with_a_scope_show_what_they_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "rollcall.toml"
    file.write_text(
        '[[gateway.token]]\ntoken = "a-token-for-one-machine"\nname = "door"\n'
        'aors = ["SIP:ann@One.test:5060"]\nfields = ["contact", "user_agent"]\n'
        '[[gateway.token]]\ntoken = "a-token-for-the-board"\nname = "board"\ndomains = ["*"]\n'
    )
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(file))
    door, board = (token.identity for token in load(GatewaySettings).static_tokens())
    assert (door.client, board.client) == ("door", "board")
    assert door.scope.aors == {"sip:ann@one.test"}
    assert door.scope.parts == {Part.CONTACT, Part.USER_AGENT}
    assert board.scope.everybody
    assert board.scope.parts == frozenset()
    monkeypatch.setenv("ROLLCALL_GATEWAY_TOKENS", TOKEN)
    full = load(GatewaySettings).static_tokens()[0].identity
    assert (full.client, full.scope) == ("token 1", EVERYTHING)
    monkeypatch.setenv("ROLLCALL_GATEWAY_TOKEN", SCOPED)
    assert load(GatewaySettings).token[0].scope.domains == {"one.test"}


def test_a_token_has_one_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_GATEWAY_TOKENS", "a-token-for-one-machine")
    monkeypatch.setenv("ROLLCALL_GATEWAY_TOKEN", SCOPED)
    with pytest.raises(BadSettings, match="two tokens"):
        load(GatewaySettings)


def test_the_issuer_of_tokens_is_a_table_or_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load(GatewaySettings).jwt is None
    file = tmp_path / "rollcall.toml"
    file.write_text(
        '[gateway.jwt]\nissuer = "i"\naudience = "a"\nkey_file = "k.pem"\nrefresh = 9\n'
    )
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(file))
    monkeypatch.setenv("ROLLCALL_GATEWAY_JWT__AUDIENCE", "b")
    monkeypatch.setenv("ROLLCALL_GATEWAY_JWT__ALGORITHMS", "RS256, ES256")
    found = load(GatewaySettings).jwt
    assert found is not None
    assert (found.issuer, found.audience, found.refresh.total_seconds()) == ("i", "b", 9)
    assert found.algorithms == ("RS256", "ES256")


def test_the_token_of_everything_shows_everybody_and_most() -> None:
    few = {"token": "t" * 16, "name": "few", "domains": ["one.test"]}
    some = {"token": "u" * 16, "name": "some", "domains": ["*"]}
    settings = GatewaySettings.model_validate({"token": [few]})
    assert settings.token_of_everything() is None
    assert GatewaySettings().token_of_everything() is None
    settings = GatewaySettings.model_validate({"token": [few, some]})
    assert settings.token_of_everything() == "u" * 16
    settings = GatewaySettings.model_validate({"token": [few, some], "tokens": ["w" * 16]})
    assert settings.token_of_everything() == "w" * 16
