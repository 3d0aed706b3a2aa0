"""The settings of the gateway: tokens, and bounds that are refused by name."""

import pytest
from pydantic import SecretStr

from runtime.settings import BadSettings, load
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
