"""Keyed digits: settings, and what a dead letter keeps of them."""

import pytest
from pydantic import ValidationError

from producers.freeswitch.settings import FreeSwitchSettings
from producers.private_input import MASKED_INPUT, dead_letter_input


def test_digits_are_off_and_masked_by_default() -> None:
    settings = FreeSwitchSettings.model_validate({})
    assert not settings.dtmf
    assert not settings.context().digits_in_clear


def test_a_named_use_publishes_them_in_clear() -> None:
    chosen = {"dtmf": True, "dtmf_in_clear_for": "menu statistics"}
    assert FreeSwitchSettings.model_validate(chosen).context().digits_in_clear


@pytest.mark.parametrize("use", ["", "ok"])
def test_a_use_is_a_text_that_names_one(use: str) -> None:
    with pytest.raises(ValidationError, match="dtmf_in_clear_for"):
        FreeSwitchSettings.model_validate({"dtmf": True, "dtmf_in_clear_for": use})


def test_a_use_of_digits_that_are_not_read_is_an_error() -> None:
    with pytest.raises(ValidationError, match="needs dtmf = true"):
        FreeSwitchSettings.model_validate({"dtmf_in_clear_for": "menu statistics"})


def test_a_dead_letter_keeps_no_digit() -> None:
    event = b'{"Event-Name": "DTMF", "DTMF-Digit": "7", "Unique-ID": 5}'
    assert dead_letter_input(event) == MASKED_INPUT
    assert dead_letter_input(other := b'{"Event-Name": "HEARTBEAT"}') == other
