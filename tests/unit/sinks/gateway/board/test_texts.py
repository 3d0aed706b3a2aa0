"""What is found by texts alone is all that a search finds, whatever comes and goes."""

import asyncio
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sinks.gateway.access.scope import EVERYTHING
from sinks.gateway.board import texts as module
from sinks.gateway.board.matching import Matcher
from sinks.gateway.board.request import Selection
from sinks.gateway.board.row import Row, row_of
from sinks.gateway.board.texts import Texts
from sinks.gateway.message import domain_of
from tests.unit.sinks.gateway.board.users import binding, message, record

AORS = [f"sip:{name}@{host}" for name in ("1001", "10010", "ann", "s1") for host in ("a.test", "b")]
STEPS = st.lists(st.tuples(st.sampled_from(AORS), st.sampled_from(["fs1", "s10", None])))
WORDS = st.lists(st.sampled_from(["1", "1001", "s1", "fs", "an", "@a", "st", "phone 1", "sip:"]))


def row(aor: str, node: str | None, agent: str = "Phone 1") -> Row:
    return row_of(message(record(aor, 1, *([binding(node, agent=agent)] if node else []))))


class Known:
    """Rows by domain and AOR, and their texts."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Row]] = {}
        self.texts = Texts(self.rows)

    def put(self, one: Row) -> None:
        of_domain = self.rows.setdefault(domain_of(one.aor), {})
        is_new = one.aor not in of_domain
        of_domain[one.aor] = one
        self.texts.note(one, domain_of(one.aor), is_new=is_new)

    def remove(self, aor: str) -> None:
        if self.rows.get(domain_of(aor), {}).pop(aor, None) is not None:
            self.texts.forget(domain_of(aor))

    def having(self, words: Iterable[str], domains: Iterable[str]) -> list[Row] | None:
        return asyncio.run(self.texts.having(words, domains, self.pause))

    async def pause(self) -> None:
        """Whatever a test does while others are served."""

    def all(self) -> list[Row]:
        return [one for of_domain in self.rows.values() for one in of_domain.values()]


@given(STEPS, st.lists(st.sampled_from(AORS)), STEPS, WORDS)
def test_every_selected_row_is_found(
    come: list[tuple[str, str | None]],
    gone: list[str],
    again: list[tuple[str, str | None]],
    words: list[str],
) -> None:
    known = Known()
    selection = Selection(search=" ".join(words))
    matcher = Matcher(selection, EVERYTHING)
    for steps in (come, again):
        for aor, node in steps:
            known.put(row(aor, node))
        found = known.having(selection.words, known.rows)
        expected = matcher.select(known.all())
        if found is not None:
            assert sorted(one.aor for one in matcher.select(found)) == sorted(
                one.aor for one in expected
            )
        for aor in gone:
            known.remove(aor)


def test_a_user_is_found_without_the_others() -> None:
    known = Known()
    for number in range(5_000):
        known.put(row(f"sip:{number:04}@{number % 3}.test", "fs1"))
    assert known.having(["0042"], known.rows) == [known.rows["0.test"]["sip:0042@0.test"]]
    assert known.having(["0.test", "0042"], ["1.test"]) == []
    changed = row("sip:0042@0.test", "fs2")
    known.put(changed)
    assert known.having(["0042"], known.rows) == [changed]


def test_common_words_places_and_devices_need_all_rows() -> None:
    known = Known()
    for number in range(3_000):
        known.put(row(f"sip:{number}@one.test", "fs1", "Yealink T46"))
    for words in (["one"], ["fs1"], ["yealink"], []):
        assert known.having(words, known.rows) is None
    assert known.having(["one", "2999"], known.rows) is not None


def test_with_too_many_different_devices_all_rows_are_needed() -> None:
    known = Known()
    for number in range(module._DISTINCT_MAX + 2):
        known.put(row(f"sip:{number}@one.test", "fs1", f"agent {number}"))
    assert known.having(["4242"], known.rows) is None


def test_users_that_come_while_the_lines_are_made_are_not_missed() -> None:
    known = Known()
    known.put(row("sip:1@one.test", "fs1"))

    async def another_comes() -> None:
        known.put(row("sip:12@one.test", "fs1"))

    known.pause = another_comes  # type: ignore[method-assign]  # a change in the pause
    found = known.having(["12"], known.rows)
    assert found is None or [one.aor for one in found] == ["sip:12@one.test"]
    assert known.having(["12"], known.rows) == [known.rows["one.test"]["sip:12@one.test"]]
