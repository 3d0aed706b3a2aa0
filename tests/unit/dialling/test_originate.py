"""Nothing that a caller writes reaches a command of the switch unless each character is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialling.errors import Unsafe
from dialling.originate import Leg, call_uuid, marker, send_digit, to_gateway, to_user, tones
from schemas.vocabulary import DigitMethod

UUID = call_uuid("k1")
LEG = Leg(UUID, 45)
HOSTILE = [
    "1}2",
    "1,sofia/internal/2",
    "1|2",
    "1 &system(x)",
    "1\n\napi shutdown",
    "^^:1",
    "1'2",
    '1"2',
    "${uuid}",
    "1:_:2",
    "[a=b]1",
    "<x>1",
    "1;fs_path=x",
    "801\n",
    "٣",
    "",
]


def test_originate_names_the_keys_uuid_and_leaves_a_mark() -> None:
    line = to_gateway(LEG, "trunk", "+4930123", DigitMethod.RFC4733)
    assert line.endswith("}sofia/gateway/trunk/+4930123 &park()")
    assert f"origination_uuid={UUID}," in line
    assert f"api_on_originate='global_setvar {marker(UUID)}=1'" in line
    assert "dtmf_type=rfc2833" in line


def test_legs_of_one_call_end_together() -> None:
    user = call_uuid("k1", "user")
    line = to_user(Leg(user, 30, UUID), "user/ann@one.test")
    assert line.endswith("}user/ann@one.test &park()")
    assert f"api_hangup_hook='uuid_kill {UUID}'" in line
    assert "api_hangup_hook" not in to_gateway(LEG, "trunk", "1", DigitMethod.INFO)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(Unsafe):
        to_gateway(LEG, "trunk", text, DigitMethod.INFO)
    with pytest.raises(Unsafe):
        to_gateway(LEG, text, "801", DigitMethod.INFO)
    with pytest.raises(Unsafe):
        send_digit(UUID, text, 100)
    with pytest.raises(Unsafe):
        to_user(LEG, f"user/{text}@example.test")


@given(st.text())
def test_any_number_is_refused_or_plain(text: str) -> None:
    try:
        line = to_gateway(LEG, "trunk", text, DigitMethod.RFC4733)
    except Unsafe:
        return
    assert text.removeprefix("+").isascii()
    assert text.removeprefix("+").isdigit()
    assert line.count(" ") == 3  # after originate, in the mark, before the application


def test_refusal_does_not_repeat_the_text() -> None:
    with pytest.raises(Unsafe) as raised:
        send_digit(UUID, "secret", 100)
    assert "secret" not in str(raised.value)


def test_duration_of_a_digit_is_always_given() -> None:
    assert send_digit(UUID, "8", 120) == f"uuid_send_dtmf {UUID} 8@120"


@pytest.mark.parametrize(
    ("digit", "frequencies"),
    [("1", "697,1209"), ("5", "770,1336"), ("#", "941,1477"), ("D", "941,1633")],
)
def test_inband_digit_is_two_tones(digit: str, frequencies: str) -> None:
    assert tones(digit, 100) == f"tone_stream://%(100,0,{frequencies})"


def test_a_keys_legs_differ_and_stay() -> None:
    assert call_uuid("k1") == call_uuid("k1") != call_uuid("k2")
    assert call_uuid("k1") != call_uuid("k1", "user")
