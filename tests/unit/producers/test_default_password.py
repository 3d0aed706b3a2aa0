"""FreeSWITCH's default event-socket password draws a warning."""

import pytest
import structlog
from pydantic import SecretStr

from producers.freeswitch.settings import DEFAULT_PASSWORD, FreeSwitchSettings
from producers.freeswitch.stage import warn_of_default_password


@pytest.mark.parametrize(("password", "warnings"), [(DEFAULT_PASSWORD, 1), ("another", 0)])
def test_a_warning_names_the_setting(password: str, warnings: int) -> None:
    with structlog.testing.capture_logs() as logged:
        warn_of_default_password(FreeSwitchSettings(password=SecretStr(password)))
    assert [line["setting"] for line in logged] == ["freeswitch.password"] * warnings
