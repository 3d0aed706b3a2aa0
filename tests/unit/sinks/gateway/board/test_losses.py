"""Losses of the last hour: what is counted, and when it is forgotten."""

from sinks.gateway.board.losses import HOUR, LOOKED_AT, Loss, Losses

BEGAN = 1_000_000_020.0  # a whole minute


def loss(aor: str, at: float, cause: str = "expired") -> Loss:
    return Loss(aor, "one.test", cause, at, at, ("fs1",))


def test_losses_and_flaps_are_forgotten_after_an_hour() -> None:
    losses = Losses()
    losses.add(loss("sip:ann@one.test", BEGAN))
    losses.add(loss("sip:ann@one.test", BEGAN + 60, "connection-closed"))
    assert losses.expire(BEGAN + HOUR) == []
    assert losses.flaps("sip:ann@one.test") == 2
    assert losses.expire(BEGAN + 60 + HOUR) == ["sip:ann@one.test"]
    assert losses.flaps("sip:ann@one.test") == 1
    assert losses.by_cause() == [{"cause": "connection-closed", "count": 1}]
    assert losses.expire(BEGAN + 121 + HOUR) == ["sip:ann@one.test"]
    assert losses.flaps("sip:ann@one.test") == 0
    assert losses.by_cause() == []


def test_the_flaps_of_many_users_are_forgotten_a_part_at_a_time() -> None:
    losses = Losses()
    aors = [f"sip:{number}@one.test" for number in range(2 * LOOKED_AT + 10)]
    for aor in aors:
        losses.add(loss(aor, BEGAN))
    assert losses.expire(BEGAN) == []
    found: list[str] = []
    for _ in range(4):
        part = losses.expire(BEGAN + 1 + HOUR)
        assert len(part) <= LOOKED_AT
        found += part
    assert sorted(found) == sorted(aors)
    assert losses.expire(BEGAN + 1 + HOUR) == []


def test_a_user_who_is_lost_again_is_looked_at_again() -> None:
    losses = Losses()
    losses.add(loss("sip:ann@one.test", BEGAN))
    assert losses.expire(BEGAN + 1 + HOUR) == ["sip:ann@one.test"]
    losses.add(loss("sip:ann@one.test", BEGAN + 2 + HOUR))
    assert losses.expire(BEGAN + 3 + HOUR) == []
    assert losses.expire(BEGAN + 3 + 2 * HOUR) == ["sip:ann@one.test"]
