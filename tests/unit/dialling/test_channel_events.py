"""Events of the switch to what they mean for a call."""

import pytest

from dialling.channel_events import ChannelEvent, Happened, channel_event
from producers.freeswitch.event import SwitchEvent


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("CHANNEL_PROGRESS", Happened.RINGING),
        ("CHANNEL_PROGRESS_MEDIA", Happened.EARLY_MEDIA),
        ("CHANNEL_ANSWER", Happened.ANSWERED),
    ],
)
def test_signalling(name: str, what: Happened) -> None:
    assert channel_event(SwitchEvent({"Event-Name": name, "Unique-ID": "u"})) == ChannelEvent(
        "u", what
    )


@pytest.mark.parametrize(
    ("timeout", "what"), [("true", Happened.TIMED_OUT), ("false", Happened.DETECTED)]
)
def test_end_of_a_detector(timeout: str, what: Happened) -> None:
    headers = {
        "Event-Name": "CHANNEL_EXECUTE_COMPLETE",
        "Unique-ID": "u",
        "Application": "detect_silence",
        "Application-UUID": "u-7",
        "variable_detect_silence_timeout": timeout,
    }
    assert channel_event(SwitchEvent(headers)) == ChannelEvent("u", what, "u-7")


def test_failed_originate_has_the_uuid_of_the_channel_to_be() -> None:
    headers = {
        "Event-Name": "BACKGROUND_JOB",
        "Job-UUID": "u",
        "_body": "-ERR INVALID_GATEWAY\n",
    }
    assert channel_event(SwitchEvent(headers)) == ChannelEvent(
        "u", Happened.NOT_CALLED, cause="INVALID_GATEWAY"
    )
    assert channel_event(SwitchEvent(headers | {"_body": "+OK u\n"})) is None


def test_hang_up_has_its_cause_and_other_events_mean_nothing() -> None:
    ended = {"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": "u", "Hangup-Cause": "USER_BUSY"}
    assert channel_event(SwitchEvent(ended)) == ChannelEvent("u", Happened.ENDED, cause="USER_BUSY")
    other = {"Event-Name": "CHANNEL_EXECUTE_COMPLETE", "Unique-ID": "u", "Application": "park"}
    assert channel_event(SwitchEvent(other)) is None
