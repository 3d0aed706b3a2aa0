"""A call record in words, as each of its users has it."""

from datetime import timedelta

from operate.call_phrases import ended_by, state, talked, with_whom
from schemas.call_record import CallRecord
from schemas.vocabulary import CallKind, CallState, Direction, HungUpBy
from tests.unit.calls.folding import ALICE, BOB, CAROL, START, event, folded

NOW = START + timedelta(minutes=10)


def call(**fields: object) -> CallRecord:
    """Alice calls Bob; Carol is put through to it later."""
    alice = {"call": "a", "aor": ALICE, "direction": Direction.OUTGOING, "peer": "7002"}
    bob = {"call": "a", "aor": BOB, "direction": Direction.INCOMING, "peer": "7001"}
    (record,) = folded(
        [
            event(CallKind.RINGING, 1, "b", **bob),
            event(CallKind.ANSWERED, 5, "b", **bob),
            event(CallKind.ANSWERED, 5, "a", **alice),
        ]
    )
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def test_each_party_reads_with_whom_it_talks() -> None:
    record = call(joined=[CAROL])
    assert with_whom(record, ALICE) == "calls bob@example.test"
    assert with_whom(record, BOB) == "called by alice@example.test"
    assert with_whom(record, CAROL) == "called by alice@example.test, joined later"


def test_a_caller_from_outside_is_named_as_the_source_names_it() -> None:
    assert with_whom(call(caller=None), BOB) == "called by 7001"
    assert with_whom(call(callee=None, dialled="9196"), ALICE) == "calls 9196"
    assert with_whom(call(caller=None, legs=[]), BOB) == "called by an unknown caller"


def test_a_live_call_has_no_end_and_counts_on() -> None:
    record = call(at_risk=True)
    assert (state(record), ended_by(record)) == ("answered, at risk", None)
    assert talked(record, NOW) == "9:55"


def test_an_end_names_who_hung_up_and_why_as_far_as_known() -> None:
    ended = {"state": CallState.ENDED, "ended": START + timedelta(seconds=65)}
    record = call(**ended, hung_up_by=HungUpBy.CALLEE, cause="NORMAL_CLEARING", status_code=200)
    assert (ended_by(record), talked(record, NOW)) == ("callee, NORMAL_CLEARING", "1:00")
    assert ended_by(call(**ended, status_code=404)) == "404"
    assert ended_by(call(**ended)) is None
    assert ended_by(call(**ended, hung_up_by=HungUpBy.CALLER)) == "caller"
