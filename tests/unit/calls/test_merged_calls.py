"""Parts of other calls: what is given of them, and until when they are known."""

from datetime import UTC, datetime, timedelta

from calls.fold.call import Call
from calls.fold.merged_calls import Merged, MergedCalls

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


def call(id_: str, version: int = 1) -> Call:
    return Call(id_, NOW, version=version)


def test_the_last_record_is_given_once_with_a_version_more() -> None:
    merged = MergedCalls()
    merged.add(call("b", 4), call("a"), NOW)
    assert "b" in merged
    assert list(merged.due()) == [("b", Merged("a", NOW, 5))]
    assert list(merged.due()) == []


def test_of_a_call_without_a_record_nothing_is_kept() -> None:
    merged = MergedCalls()
    merged.add(call("b", 0), call("a"), NOW)
    assert not merged


def test_parts_of_a_part_belong_to_the_whole() -> None:
    merged = MergedCalls()
    merged.restore("c", Merged("b", NOW, 2))
    merged.add(call("b"), call("a"), LATER)
    assert merged.forget_parts_of({"a"}) == ["c", "b"]


def test_what_is_forgotten_is_not_given_any_more() -> None:
    merged = MergedCalls()
    merged.add(call("b"), call("a"), NOW)
    merged.add(call("d"), call("c"), LATER)
    assert merged.forget_before(LATER) == ["b"]
    assert [id_ for id_, _ in merged.due()] == ["d"]
    assert "b" not in merged
