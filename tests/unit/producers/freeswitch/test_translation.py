"""Which events the producer subscribes to."""

from producers.freeswitch.translation import SUBSCRIPTION


def test_challenges_and_noise_are_not_subscribed() -> None:
    words = SUBSCRIPTION.split()
    assert words[:2] == ["event", "json"]
    assert words.index("CUSTOM") < words.index("sofia::register")
    assert not {"ALL", "sofia::pre_register", "sofia::register_attempt", "CHANNEL_STATE"} & {*words}
