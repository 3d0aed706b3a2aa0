"""The grace after a loss: who gets it, how long it is, and what may happen while it lasts."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.call import CallEvent
from schemas.registration import RegistrationEvent
from schemas.vocabulary import CallKind, Status
from streams.batches.partition_state import PartitionState
from streams.folds.presence import current
from tests.unit.fold_events import (
    AOR,
    apply,
    call,
    expired,
    loss,
    moment,
    registered,
    unregistered,
)
from tests.unit.pipeline import Pipeline

GRACE = timedelta(seconds=3)


class Site:
    """A user's pipeline, and the worker's clock."""

    def __init__(self, *events: Any) -> None:
        slack = timedelta(seconds=35)
        state = PartitionState(0, {}, {}, slack, lambda _: GRACE)
        self.pipeline = Pipeline(state=state)
        self.apply(*events)

    def apply(self, *events: Any) -> None:
        for event in events:
            if isinstance(event, RegistrationEvent):
                topic = topics.REGISTRATIONS
            else:
                is_call = isinstance(event, CallEvent)
                topic = topics.CALLS if is_call else topics.CONNECTION_LOSSES
            self.pipeline.feed(topic, [(AOR, event)])

    def wait(self, seconds: float) -> Status:
        """What people see then."""
        self.pipeline.wait(timedelta(seconds=seconds))
        return self.pipeline.published[-1].status


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        pytest.param(unregistered(2), "unregistered", id="signed off"),
        pytest.param(expired(90), "expired", id="expired"),
        pytest.param(expired(2, expired_due=moment(600)), "administrative", id="flushed"),
    ],
)
def test_ends_without_return_get_no_grace(end: RegistrationEvent, cause: str) -> None:
    site = Site(registered(1), end)
    assert site.pipeline.changes("1001")[1:] == [f"offline {cause}"]


def test_there_is_none_in_a_call_which_is_shown_instead() -> None:
    site = Site(registered(1), call(CallKind.ANSWERED, 2), loss(3))
    assert site.wait(2) is Status.ON_THE_PHONE
    assert site.pipeline.changes("1001")[-1] == "on-the-phone connection-closed"
    site.apply(call(CallKind.ENDED, 5))
    assert site.pipeline.changes("1001")[-1] == "offline call-ended"


def test_call_that_ends_after_it_keeps_the_user_offline() -> None:
    """The switch hangs up minutes after the phone has gone."""
    site = Site(registered(1), call(CallKind.ANSWERED, 2), loss(3))
    assert site.wait(4) is Status.ON_THE_PHONE
    site.apply(call(CallKind.ENDED, 60))
    assert site.wait(60) is Status.OFFLINE
    assert site.pipeline.changes("1001")[-1] == "offline call-ended"


def test_second_loss_begins_a_whole_grace() -> None:
    site = Site(registered(1), loss(2))
    site.wait(1)
    site.apply(registered(3, port=5062))
    site.wait(1)
    site.apply(loss(4, port=5062))
    assert site.wait(2) is Status.ONLINE
    assert site.wait(2) is Status.OFFLINE


def test_user_who_was_never_shown_is_not_published() -> None:
    """A caller who never registered: a worker that starts anew repeats its last records."""
    session, _ = apply(call(CallKind.ANSWERED, 1))
    assert current(session) is None
