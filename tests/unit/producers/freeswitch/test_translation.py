"""Which events the producer subscribes to."""

from producers.freeswitch.translation import subscription


def test_challenges_and_noise_are_not_subscribed() -> None:
    names = subscription().split()
    assert names[:2] == ["event", "json"]
    assert names.index("CUSTOM") < names.index("sofia::register")
    assert not {
        "ALL",
        "sofia::pre_register",
        "sofia::register_attempt",
        "CHANNEL_STATE",
        "DTMF",
    } & {*names}


def test_digits_are_subscribed_where_they_are_wanted() -> None:
    wanted, plain = subscription(with_digits=True).split(), subscription().split()
    assert {*wanted} - {*plain} == {"DTMF"}
    assert wanted.index("DTMF") < wanted.index("CUSTOM")
