"""Which events the producer subscribes to."""

from producers.freeswitch.translation import SUBSCRIPTION


def test_challenges_and_noise_are_not_subscribed() -> None:
    names = SUBSCRIPTION.split()
    assert names[:2] == ["event", "json"]
    assert names.index("CUSTOM") < names.index("sofia::register")
    assert not {"ALL", "sofia::pre_register", "sofia::register_attempt", "CHANNEL_STATE"} & {*names}
