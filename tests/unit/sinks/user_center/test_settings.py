"""The settings of the user center: the secret and the bounds of the backoff."""

import pytest
from pydantic import ValidationError

from runtime.settings import BadSettings, load
from sinks.user_center.settings import UserCenterSettings
from tests.user_center import SECRET, settings


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!!!"])
def test_useless_secret_is_refused(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_USER_CENTER_SECRET", secret)
    with pytest.raises(BadSettings, match="ROLLCALL_USER_CENTER_SECRET"):
        load(UserCenterSettings)


def test_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLCALL_USER_CENTER_SECRET", raising=False)
    with pytest.raises(BadSettings, match="ROLLCALL_USER_CENTER_SECRET"):
        load(UserCenterSettings)


def test_secret_does_not_show() -> None:
    assert SECRET not in repr(settings("http://127.0.0.1:1/"))


def test_backoff_bounds_are_in_order() -> None:
    with pytest.raises(ValidationError, match="backoff"):
        settings("http://127.0.0.1:1/", backoff_min_seconds=2, backoff_max_seconds=1)
