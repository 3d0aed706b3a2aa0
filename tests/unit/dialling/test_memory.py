"""One key, one call: what is remembered, and what a restart does with a call under way."""

from datetime import UTC, datetime, timedelta

import pytest

from dialling.memory import KEPT, Memory, Resumption, resumption
from schemas.dialling import DialResult
from schemas.vocabulary import DialState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _result(state: DialState, key: str = "k", boot: str | None = "b1") -> DialResult:
    return DialResult(
        key=key,
        call="c",
        client="a",
        at=NOW,
        asked_at=NOW,
        state=state,
        number="1",
        boot=boot,
        digits=3,
        timeline=[],
    )


@pytest.mark.parametrize(
    ("state", "boot", "lives", "is_marked", "expected"),
    [
        (DialState.CALLING, "b1", False, False, Resumption.CALL),
        (DialState.CALLING, "b1", True, True, Resumption.ADOPT),
        (DialState.CALLING, "b1", False, True, Resumption.GONE),
        (DialState.CALLING, "b2", False, False, Resumption.GONE),
        (DialState.KEYING, "b1", True, True, Resumption.END),
        (DialState.KEYING, "b1", False, True, Resumption.GONE),
    ],
)
def test_call_is_made_again_only_where_it_never_was(
    state: DialState, boot: str, lives: bool, is_marked: bool, expected: Resumption
) -> None:
    assert resumption(_result(state), boot=boot, lives=lives, is_marked=is_marked) is expected


def test_key_is_remembered_for_a_day() -> None:
    memory = Memory()
    memory.put(0, _result(DialState.ENDED))
    assert memory.find("k", NOW + KEPT) is not None
    assert memory.find("k", NOW + KEPT + timedelta(seconds=1)) is None
    assert memory.find("other", NOW) is None


def test_old_keys_are_dropped_and_calls_under_way_are_not() -> None:
    memory = Memory()
    memory.put(0, _result(DialState.ENDED, "old"))
    memory.put(0, _result(DialState.CALLING, "running"))
    assert list(memory.drop_old(NOW + KEPT)) == []
    assert list(memory.drop_old(NOW + 2 * KEPT)) == ["old"]
    assert list(memory.drop_old(NOW + 2 * KEPT)) == []


def test_partition_of_another_process_is_forgotten() -> None:
    memory = Memory()
    memory.put(0, _result(DialState.ENDED, "here"))
    memory.put(1, _result(DialState.ENDED, "there"))
    memory.forget_partition(1)
    assert memory.find("here", NOW) is not None
    assert memory.find("there", NOW) is None
