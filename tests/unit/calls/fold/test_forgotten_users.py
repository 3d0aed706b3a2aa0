"""Calls of a user who is forgotten."""

from datetime import timedelta

from calls.fold.book import CallBook
from schemas.vocabulary import CallKind, Direction
from tests.unit.calls.folding import ALICE, BOB, CAROL, NOW, event, last


def test_all_calls_that_name_a_user_are_forgotten() -> None:
    book = CallBook(1)
    for seq, (aor, leg) in enumerate(((ALICE, "a"), (BOB, "b"), (CAROL, "c")), start=1):
        ringing = event(
            CallKind.RINGING, seq, leg, aor=aor, call=leg, direction=Direction.INCOMING, peer=BOB
        )
        book.read_call(ringing, 0, NOW)
    known = last(book)
    assert len(known) == 3
    assert set(book.forget_user(ALICE)) == {r.id for r in known.values() if ALICE in r.users}
    assert len(book.calls) == 2
    assert book.forget_user(ALICE) == []
    ended = event(CallKind.ENDED, 9, "a", aor=ALICE, call="a")
    book.read_call(ended, 0, NOW + timedelta(seconds=1))
    assert len(book.calls) == 3  # what comes later is another call
